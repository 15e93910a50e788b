/* Many threads: deciding, waiting and taking snapshots at once, and closing while all that goes on. Argument: an empty folder. */
#include "common.h"
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4 };

static haoyuan_t registry;
static int rounds;

static void *decides(void *argument) {
  uint32_t thread = (uint32_t)(uintptr_t)argument;
  haoyuan_grant_t grant;
  haoyuan_settled_t settled;
  HAOYUAN_INIT(grant);
  HAOYUAN_INIT(settled);
  intptr_t granted = 0;
  for (int i = 0; i < rounds; i++) {
    haoyuan_wish_t asked = wish(1000 * (thread + 1) + (uint32_t)i % 20, (uint32_t)i % 8);
    int32_t status = haoyuan_hold(registry, &asked, &grant);
    if (status > 0) continue;
    IS(status, HAOYUAN_OK);
    haoyuan_settle_t s = settle(1000 * (thread + 1) + (uint32_t)i % 20, grant.booking);
    IS(haoyuan_confirm(registry, &s, &settled), HAOYUAN_OK);
    IS(haoyuan_cancel(registry, &s, &settled), HAOYUAN_OK);
    if (settled.ack && i % 16 == 0) IS(haoyuan_wait(registry, &settled.ack, 1, 60000), HAOYUAN_OK);
    granted++;
  }
  return (void *)granted;
}

static void threads_decide_at_once(void) {
  pthread_t threads[THREADS];
  intptr_t sum = 0;
  for (uintptr_t i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, decides, (void *)i) == 0);
  for (int i = 0; i < THREADS; i++) {
    void *granted;
    pthread_join(threads[i], &granted);
    sum += (intptr_t)granted;
  }
  CHECK(sum > 0);
  haoyuan_ask_t a = ask(0);
  haoyuan_availability_t v;
  HAOYUAN_INIT(v);
  IS(haoyuan_availability(registry, &a, &v), HAOYUAN_OK);
  CHECK(v.live == 0);
  char buffer[1024];
  size_t needed;
  static const char audit[] = "{\"command\":\"audit\",\"at\":\"2026-03-03T07:00:00+08:00\"}";
  IS(haoyuan_execute(registry, audit, sizeof audit - 1, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(strstr(buffer, "\"sound\":true") != NULL);
}

static int stop;
static int closes;
static int told;

static void is_told(void *context, uint64_t ack, int32_t status) {
  (void)ack;
  CHECK(context == &told && (status == HAOYUAN_OK || status == HAOYUAN_JOURNAL_FAILED));
  __atomic_add_fetch(&told, 1, __ATOMIC_RELAXED);
}

static int asked_to_tell;

static void *goes_on_until_it_is_closed(void *argument) {
  uint32_t thread = (uint32_t)(uintptr_t)argument, i = 0;
  haoyuan_grant_t grant;
  haoyuan_stats_t stats;
  HAOYUAN_INIT(grant);
  HAOYUAN_INIT(stats);
  for (;;) {
    haoyuan_wish_t asked = wish(5000 * (thread + 1) + i % 400, i % 8);
    i++;
    int32_t status = haoyuan_hold(registry, &asked, &grant);
    if (status == HAOYUAN_INVALID_HANDLE) break;
    CHECK(status >= 0 || status == HAOYUAN_BUSY);
    if (status == HAOYUAN_OK && grant.ack) {
      status = haoyuan_on_durable(registry, grant.ack, is_told, &told);
      if (status == HAOYUAN_OK) __atomic_add_fetch(&asked_to_tell, 1, __ATOMIC_RELAXED);
      status = haoyuan_wait(registry, &grant.ack, 1, 1);
      CHECK(status == HAOYUAN_OK || status == HAOYUAN_PENDING || status == HAOYUAN_INVALID_HANDLE || status == HAOYUAN_BUSY);
    }
    status = haoyuan_stats(registry, &stats);
    CHECK(status == HAOYUAN_OK || status == HAOYUAN_INVALID_HANDLE || status == HAOYUAN_BUSY);
  }
  /* From now on it is closed to everybody. */
  IS(haoyuan_hold(registry, &(haoyuan_wish_t){.struct_size = sizeof(haoyuan_wish_t)}, &grant), HAOYUAN_INVALID_HANDLE);
  __atomic_add_fetch(&stop, 1, __ATOMIC_RELAXED);
  return NULL;
}

static void *closes_it(void *argument) {
  (void)argument;
  int32_t status = haoyuan_close(registry);
  CHECK(status == HAOYUAN_OK || status == HAOYUAN_INVALID_HANDLE);
  if (status == HAOYUAN_OK) __atomic_add_fetch(&closes, 1, __ATOMIC_RELAXED);
  return NULL;
}

static void *takes_snapshots(void *argument) {
  char name[128];
  size_t needed;
  (void)argument;
  for (int i = 0; i < 5; i++) {
    int32_t status = haoyuan_snapshot(registry, name, sizeof name, &needed);
    CHECK(status == HAOYUAN_OK || status == HAOYUAN_NO_JOURNAL || status == HAOYUAN_INVALID_HANDLE || status == HAOYUAN_BUSY);
  }
  return NULL;
}

static void of_several_that_close_one_does(void) {
  pthread_t threads[THREADS], closers[3], snapshots[2];
  stop = closes = told = asked_to_tell = 0;
  for (uintptr_t i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, goes_on_until_it_is_closed, (void *)i) == 0);
  for (int i = 0; i < 2; i++) CHECK(pthread_create(&snapshots[i], NULL, takes_snapshots, NULL) == 0);
  usleep(30000);
  for (int i = 0; i < 3; i++) CHECK(pthread_create(&closers[i], NULL, closes_it, NULL) == 0);
  for (int i = 0; i < 3; i++) pthread_join(closers[i], NULL);
  for (int i = 0; i < 2; i++) pthread_join(snapshots[i], NULL);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  CHECK(closes == 1 && stop == THREADS && told == asked_to_tell);
}

int main(int argc, char **argv) {
  char folder[1024];
  CHECK(argc >= 2);
  rounds = argc > 2 ? atoi(argv[2]) : 2000;
  registry = open_registry(NULL);
  threads_decide_at_once();
  of_several_that_close_one_does();
  for (int i = 0; i < 3; i++) {
    snprintf(folder, sizeof folder, "%s/threads-%d", argv[1], i);
    registry = open_registry(folder);
    if (i == 0) {
      rounds /= 4;
      threads_decide_at_once();
    }
    of_several_that_close_one_does();
    /* What was acknowledged, and only what was decided, is there again. */
    registry = open_registry(folder);
    char buffer[1024];
    size_t needed;
    static const char audit[] = "{\"command\":\"audit\",\"at\":\"2026-03-03T07:00:00+08:00\"}";
    IS(haoyuan_execute(registry, audit, sizeof audit - 1, buffer, sizeof buffer, &needed), HAOYUAN_OK);
    CHECK(strstr(buffer, "\"sound\":true") != NULL);
    IS(haoyuan_close(registry), HAOYUAN_OK);
  }
  puts("threads: one closes, nobody is hurt");
  return 0;
}
