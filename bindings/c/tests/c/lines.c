/* The smallest host in C: commands from a file, one answer a line. */
#include "common.h"

int main(int argc, char **argv) {
  static char line[1 << 20], answer[1 << 20];
  haoyuan_options_t options;
  haoyuan_t registry;
  FILE *script;
  size_t length;

  if (argc != 2 || (script = fopen(argv[1], "r")) == NULL) {
    fprintf(stderr, "usage: lines SCRIPT.jsonl\n");
    return 2;
  }
  IS(HAOYUAN_ABI_CHECK(), HAOYUAN_OK);
  HAOYUAN_INIT(options);
  options.abi_version = HAOYUAN_ABI_VERSION;
  options.durability = HAOYUAN_MEMORY;
  IS(haoyuan_open(&options, &registry), HAOYUAN_OK);
  while (fgets(line, sizeof line, script)) {
    line[strcspn(line, "\r\n")] = '\0';
    if (line[strspn(line, " \t")] == '\0') continue;
    IS(haoyuan_execute(registry, line, strlen(line), answer, sizeof answer, &length), HAOYUAN_OK);
    CHECK(length < sizeof answer);
    fwrite(answer, 1, length, stdout);
    putchar('\n');
  }
  fclose(script);
  IS(haoyuan_close(registry), HAOYUAN_OK);
  return 0;
}
