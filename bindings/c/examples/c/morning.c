/* A morning at a hospital, in C. Build it with nothing but gcc and pkg-config:
 *
 *   gcc morning.c $(pkg-config --cflags --libs haoyuan) -o morning && ./morning scenario.jsonl
 *
 * The script sets up a hospital, its policy and a roster in the JSON command language; what happens every second is typed. */
#include <haoyuan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2026-03-03T07:00:00+08:00, when the public pool opens. */
#define OPENS INT64_C(1772492400000)
#define MINUTE INT64_C(60000)

static void stop(const char *what, int32_t status) {
  char name[64], why[512];
  size_t length;
  haoyuan_status_name(status, name, sizeof name, &length);
  haoyuan_last_error(why, sizeof why, &length);
  fprintf(stderr, "%s: %d %s; %s\n", what, (int)status, name, why);
  exit(1);
}

/* Whatever is not an answer ends the program; a refusal is an answer. */
static int32_t answered(const char *what, int32_t status) {
  if (status < 0) stop(what, status);
  return status;
}

static void patient(uint8_t key[16], uint8_t number) {
  memset(key, 0, 16);
  key[0] = 0x5f;
  key[15] = number;
}

static haoyuan_wish_t wish(uint32_t session, uint8_t number, uint32_t slot, uint32_t channel, int64_t at) {
  haoyuan_wish_t wish;
  HAOYUAN_INIT(wish);
  wish.session = session;
  wish.slot = slot;
  wish.patient_class = HAOYUAN_CLASS_PUBLIC;
  wish.channel = channel;
  wish.at = at;
  patient(wish.patient, number);
  return wish;
}

static haoyuan_settle_t settle(uint8_t number, uint64_t booking, int64_t at) {
  haoyuan_settle_t settle;
  HAOYUAN_INIT(settle);
  settle.at = at;
  settle.booking = booking;
  patient(settle.patient, number);
  return settle;
}

/* One command in, one answer out; the caller's buffer grows if it has to. */
static const char *execute(haoyuan_t registry, const char *line) {
  static char *buffer;
  static size_t capacity;
  size_t needed;
  int32_t status = haoyuan_execute(registry, line, strlen(line), buffer, capacity, &needed);
  if (status == HAOYUAN_BUFFER_TOO_SMALL) {
    /* It was carried out; only its answer did not fit. */
    capacity = needed + 1;
    buffer = (char *)realloc(buffer, capacity);
    if (buffer == NULL) exit(1);
    status = haoyuan_last_answer(buffer, capacity, &needed);
  }
  answered("execute", status);
  if (capacity == needed) exit(1);
  return buffer;
}

int main(int argc, char **argv) {
  haoyuan_options_t options;
  haoyuan_t registry;
  FILE *script;
  static char line[65536];
  char text[256], chinese[256], name[64];
  size_t length, count;
  uint32_t session;
  int i;

  if (argc != 2) {
    fprintf(stderr, "usage: morning SCRIPT\n");
    return 2;
  }
  answered("abi", HAOYUAN_ABI_CHECK());
  HAOYUAN_INIT(options);
  options.abi_version = HAOYUAN_ABI_VERSION;
  options.durability = HAOYUAN_MEMORY;
  answered("open", haoyuan_open(&options, &registry));

  script = fopen(argv[1], "r");
  if (script == NULL) {
    perror(argv[1]);
    return 1;
  }
  while (fgets(line, sizeof line, script)) {
    if (strstr(execute(registry, line), "\"outcome\":\"error\"")) {
      fprintf(stderr, "%s\n", execute(registry, line));
      return 1;
    }
  }
  fclose(script);
  answered("session", haoyuan_find_session(registry, "CARD-0310-AM", 12, &session));

  {
    haoyuan_ask_t ask;
    haoyuan_availability_t available;
    HAOYUAN_INIT(ask);
    HAOYUAN_INIT(available);
    ask.session = session;
    ask.patient_class = HAOYUAN_CLASS_PUBLIC;
    ask.channel = HAOYUAN_CHANNEL_APP;
    ask.at = OPENS - 1;
    int32_t why = answered("availability", haoyuan_availability(registry, &ask, &available));
    haoyuan_status_text(why, HAOYUAN_ENGLISH, text, sizeof text, &length);
    haoyuan_status_text(why, HAOYUAN_CHINESE, chinese, sizeof chinese, &length);
    printf("a millisecond early: %d %s / %s\n", (int)why, text, chinese);
  }

  haoyuan_grant_t grant;
  haoyuan_settled_t settled;
  HAOYUAN_INIT(grant);
  HAOYUAN_INIT(settled);
  haoyuan_wish_t first = wish(session, 1, 0, HAOYUAN_CHANNEL_APP, OPENS);
  first.key[15] = 0xa1; /* repeated under this key, it gets the same answer */
  answered("hold", haoyuan_hold(registry, &first, &grant));
  uint64_t booking = grant.booking;
  answered("hold", haoyuan_hold(registry, &first, &grant));
  printf("held: number %u, booking %016llx, the same again: %s\n", grant.number, (unsigned long long)booking,
         grant.booking == booking ? "yes" : "no");
  haoyuan_settle_t confirm = settle(1, booking, OPENS + MINUTE);
  answered("confirm", haoyuan_confirm(registry, &confirm, &settled));
  printf("confirmed: changed %u\n", settled.changed);
  haoyuan_wish_t second = wish(session, 1, 5, HAOYUAN_CHANNEL_APP, OPENS + 2 * MINUTE);
  int32_t why = answered("book", haoyuan_book(registry, &second, &grant));
  haoyuan_status_name(why, name, sizeof name, &length);
  printf("once more: %d %s, limit %llu\n", (int)why, name, (unsigned long long)grant.binding_value);

  haoyuan_wish_t wishes[6];
  haoyuan_grant_t grants[6];
  for (i = 0; i < 6; i++) {
    wishes[i] = wish(session, (uint8_t)(2 + i), 1, HAOYUAN_CHANNEL_WECHAT, OPENS + 3 * MINUTE);
    HAOYUAN_INIT(grants[i]);
  }
  answered("batch", haoyuan_book_batch(registry, wishes, grants, 6));
  printf("six at once:");
  for (i = 0; i < 6; i++) printf(" %d", (int)grants[i].status);
  haoyuan_pool_name(registry, session, 1, (uint32_t)grants[5].binding_value, name, sizeof name, &length);
  printf(", bound by %s\n", name);

  haoyuan_wish_t referred = wish(session, 0x14, 1, HAOYUAN_CHANNEL_STATION, OPENS + 4 * MINUTE);
  referred.patient_class = HAOYUAN_CLASS_REFERRAL_SECONDARY;
  referred.ticket[14] = 0xe0;
  referred.ticket[15] = 0x01;
  answered("referral", haoyuan_book(registry, &referred, &grant));
  haoyuan_pool_name(registry, session, 1, grant.pool, name, sizeof name, &length);
  printf("referred: number %u from %s\n", grant.number, name);
  haoyuan_settle_t cancel = settle(2, grants[0].booking, OPENS + 5 * MINUTE);
  answered("cancel", haoyuan_cancel(registry, &cancel, &settled));
  printf("cancelled: changed %u\n", settled.changed);

  haoyuan_search_t search;
  haoyuan_found_t found[3];
  HAOYUAN_INIT(search);
  search.patient_class = HAOYUAN_CLASS_PUBLIC;
  search.channel = HAOYUAN_CHANNEL_WEB;
  search.grade = HAOYUAN_ANY;
  search.order = HAOYUAN_ORDER_LEAST_LOADED;
  search.at = OPENS + 6 * MINUTE;
  search.first_day = search.last_day = OPENS + 7 * 24 * 60 * MINUTE;
  for (i = 0; i < 3; i++) HAOYUAN_INIT(found[i]);
  answered("search", haoyuan_search(registry, &search, found, 3, &count));
  printf("quiet slots:");
  for (i = 0; i < (int)count; i++) printf(" %u", found[i].slot);
  printf("\n");
  haoyuan_day_t day;
  haoyuan_load_t loads[16];
  uint32_t live = 0, seats = 0;
  HAOYUAN_INIT(day);
  day.at = search.at;
  day.day = search.first_day;
  for (i = 0; i < 16; i++) HAOYUAN_INIT(loads[i]);
  answered("load", haoyuan_load(registry, &day, loads, 16, &count));
  for (i = 0; i < (int)count; i++) live += loads[i].live, seats += loads[i].capacity;
  printf("load: %u of %u seats in %u slots\n", live, seats, (unsigned)count);

  const char *audit = execute(registry, "{\"command\":\"audit\",\"at\":\"2026-03-03T07:06:00+08:00\"}");
  printf("audit: %s\n", strstr(audit, "\"sound\":true") ? "sound" : "broken");
  uint8_t hash[32];
  answered("state hash", haoyuan_state_hash(registry, hash));
  printf("state_hash ");
  for (i = 0; i < 32; i++) printf("%02x", hash[i]);
  printf("\n");
  answered("close", haoyuan_close(registry));
  return 0;
}
