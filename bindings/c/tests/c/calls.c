/* Every function as it is meant to be used; in memory and with a journal. Argument: an empty folder. */
#include "common.h"
#include <pthread.h>

#if HAOYUAN_ABI_MAJOR != 0 || HAOYUAN_ABI_VERSION != (HAOYUAN_ABI_MAJOR << 16 | HAOYUAN_ABI_MINOR)
#error "the version of the header is not what it says"
#endif

static void the_header_and_the_library_fit(void) {
  IS(HAOYUAN_ABI_CHECK(), HAOYUAN_OK);
  CHECK(haoyuan_abi_version() == HAOYUAN_ABI_VERSION);
  IS(haoyuan_abi_check((HAOYUAN_ABI_MAJOR + 1) << 16), HAOYUAN_ABI_MISMATCH);
  IS(haoyuan_abi_check(HAOYUAN_ABI_VERSION + 1), HAOYUAN_ABI_MISMATCH);
  IS(haoyuan_abi_check(UINT32_MAX), HAOYUAN_ABI_MISMATCH);
}

static void a_text_goes_into_the_callers_buffer(void) {
  char buffer[128];
  size_t needed;
  IS(haoyuan_status_name(HAOYUAN_SLOT_FULL, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(needed == strlen("SLOT_FULL") && strcmp(buffer, "SLOT_FULL") == 0);
  /* Exactly enough room is enough, and then nothing follows. */
  memset(buffer, '#', sizeof buffer);
  IS(haoyuan_status_name(HAOYUAN_SLOT_FULL, buffer, 9, &needed), HAOYUAN_OK);
  CHECK(memcmp(buffer, "SLOT_FULL#", 10) == 0);
  /* Too little leaves the buffer alone and says how much. */
  memset(buffer, '#', sizeof buffer);
  IS(haoyuan_status_name(HAOYUAN_SLOT_FULL, buffer, 8, &needed), HAOYUAN_BUFFER_TOO_SMALL);
  CHECK(needed == 9 && buffer[0] == '#');
  IS(haoyuan_status_name(HAOYUAN_SLOT_FULL, NULL, 0, &needed), HAOYUAN_BUFFER_TOO_SMALL);
  CHECK(needed == 9);
  IS(haoyuan_status_text(HAOYUAN_SLOT_FULL, HAOYUAN_ENGLISH, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(strcmp(buffer, "every seat of this slot is taken") == 0);
  IS(haoyuan_status_text(HAOYUAN_SLOT_FULL, HAOYUAN_CHINESE, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(strcmp(buffer, "该时段号源已满") == 0);
  IS(haoyuan_status_text(HAOYUAN_INVALID_HANDLE, HAOYUAN_CHINESE, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(strcmp(buffer, "句柄无效或已关闭") == 0);
  IS(haoyuan_version(buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(needed >= 5);
}

static void a_morning_by_typed_calls(void) {
  haoyuan_t registry = open_registry(NULL);
  uint32_t session = 99;
  IS(haoyuan_find_session(registry, "AM", 2, &session), HAOYUAN_OK);
  CHECK(session == 0);
  IS(haoyuan_find_session(registry, "PM", 2, &session), HAOYUAN_UNKNOWN_SESSION);
  char name[64];
  size_t needed;
  IS(haoyuan_session_code(registry, 0, name, sizeof name, &needed), HAOYUAN_OK);
  CHECK(strcmp(name, "AM") == 0);
  IS(haoyuan_session_code(registry, 1, name, sizeof name, &needed), HAOYUAN_UNKNOWN_SESSION);

  haoyuan_availability_t available;
  HAOYUAN_INIT(available);
  haoyuan_ask_t question = ask(0);
  question.at = OPENS - 1;
  IS(haoyuan_availability(registry, &question, &available), HAOYUAN_NOT_OPEN);
  CHECK(available.status == HAOYUAN_NOT_OPEN && available.free == 0 && available.capacity == 60);
  CHECK(available.retry == HAOYUAN_RETRY_FROM && available.retry_from == OPENS);
  CHECK(available.binding == HAOYUAN_BINDING_POOL);
  IS(haoyuan_pool_name(registry, 0, 0, (uint32_t)available.binding_value, name, sizeof name, &needed), HAOYUAN_OK);
  CHECK(needed > 0);
  question.at = OPENS;
  IS(haoyuan_availability(registry, &question, &available), HAOYUAN_OK);
  CHECK(available.free > 0 && available.live == 0 && available.retry_from == 0);
  uint32_t free_before = available.free;

  haoyuan_grant_t grant;
  HAOYUAN_INIT(grant);
  haoyuan_wish_t asked = wish(1, 0);
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_OK);
  CHECK(grant.status == HAOYUAN_OK && grant.number == 1 && grant.standing == HAOYUAN_HELD && grant.sequence == 1);
  CHECK(grant.expires > OPENS && grant.from < grant.to && grant.ack == 0 && grant.struct_size == sizeof grant);
  IS(haoyuan_institution_code(registry, grant.institution, name, sizeof name, &needed), HAOYUAN_OK);
  CHECK(strcmp(name, "H1") == 0);
  IS(haoyuan_availability(registry, &question, &available), HAOYUAN_OK);
  CHECK(available.free == free_before - 1 && available.live == 1);

  haoyuan_settled_t settled;
  HAOYUAN_INIT(settled);
  haoyuan_settle_t confirm = settle(1, grant.booking);
  IS(haoyuan_confirm(registry, &confirm, &settled), HAOYUAN_OK);
  CHECK(settled.changed == 1 && settled.booking == grant.booking && settled.sequence == 2);
  IS(haoyuan_confirm(registry, &confirm, &settled), HAOYUAN_OK);
  CHECK(settled.changed == 0);
  haoyuan_settle_t foreign = settle(2, grant.booking);
  IS(haoyuan_cancel(registry, &foreign, &settled), HAOYUAN_UNKNOWN_BOOKING);
  CHECK(settled.status == HAOYUAN_UNKNOWN_BOOKING && settled.booking == 0);

  /* One booking a day in the department. */
  asked = wish(1, 4);
  IS(haoyuan_book(registry, &asked, &grant), HAOYUAN_DEPARTMENT_DAY_LIMIT);
  CHECK(grant.status == HAOYUAN_DEPARTMENT_DAY_LIMIT && grant.binding == HAOYUAN_BINDING_LIMIT && grant.binding_value == 1);
  CHECK(grant.booking == 0 && grant.number == 0);
  /* The proof of a right, and who gives the command, go with it. */
  asked = wish(2, 4);
  asked.patient_class = HAOYUAN_CLASS_REFERRAL_SECONDARY;
  asked.role = HAOYUAN_ROLE_REFERRER;
  asked.actor = 7;
  asked.reason = 12;
  IS(haoyuan_book(registry, &asked, &grant), HAOYUAN_TICKET_REQUIRED);
  asked.ticket[15] = 1;
  IS(haoyuan_book(registry, &asked, &grant), HAOYUAN_TICKET_UNKNOWN);
  /* The same key, the same answer. */
  asked = wish(3, 2);
  asked.key[0] = 0xa1;
  IS(haoyuan_book(registry, &asked, &grant), HAOYUAN_OK);
  uint64_t first = grant.booking;
  IS(haoyuan_book(registry, &asked, &grant), HAOYUAN_OK);
  CHECK(grant.booking == first && grant.standing == HAOYUAN_BOOKED && grant.expires == 0);
  asked.slot = 3;
  IS(haoyuan_book(registry, &asked, &grant), HAOYUAN_IDEMPOTENCY_CONFLICT);
  /* What does not exist is a refusal. */
  asked = wish(4, 8);
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_UNKNOWN_SLOT);
  asked = wish(4, 0);
  asked.session = 5;
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_UNKNOWN_SESSION);
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

static void a_batch_answers_each_by_itself(void) {
  enum { COUNT = 70 };
  haoyuan_t registry = open_registry(NULL);
  static haoyuan_wish_t wishes[COUNT];
  static haoyuan_grant_t grants[COUNT];
  static haoyuan_settle_t settles[COUNT];
  static haoyuan_settled_t settled[COUNT];
  static haoyuan_ask_t asks[COUNT];
  static haoyuan_availability_t available[COUNT];
  for (uint32_t i = 0; i < COUNT; i++) {
    wishes[i] = wish(100 + i, 0);
    HAOYUAN_INIT(grants[i]);
    HAOYUAN_INIT(settled[i]);
    HAOYUAN_INIT(available[i]);
    asks[i] = ask(i % 9);
  }
  wishes[3].channel = 77;
  IS(haoyuan_hold_batch(registry, wishes, grants, COUNT), HAOYUAN_OK);
  uint32_t held = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    if (i == 3) {
      CHECK(grants[i].status == HAOYUAN_INVALID_ARGUMENT && grants[i].booking == 0);
    } else if (grants[i].status == HAOYUAN_OK) {
      held++;
      CHECK(grants[i].number == held);
    } else {
      CHECK(grants[i].status > 0 && grants[i].booking == 0);
    }
    settles[i] = settle(100 + i, grants[i].booking);
  }
  CHECK(held > 40 && held <= 60);
  IS(haoyuan_confirm_batch(registry, settles, settled, COUNT), HAOYUAN_OK);
  for (uint32_t i = 0; i < COUNT; i++)
    CHECK(grants[i].status == HAOYUAN_OK ? settled[i].changed == 1 : settled[i].status == HAOYUAN_INVALID_ARGUMENT);
  IS(haoyuan_availability_batch(registry, asks, available, COUNT), HAOYUAN_OK);
  CHECK(available[0].live == held && available[1].live == 0 && available[8].status == HAOYUAN_UNKNOWN_SLOT);
  IS(haoyuan_cancel_batch(registry, settles, settled, COUNT), HAOYUAN_OK);
  CHECK(settled[0].status == HAOYUAN_OK && settled[0].changed == 1);
  wishes[3] = wish(103, 0);
  for (uint32_t i = 0; i < COUNT; i++) wishes[i].at = OPENS + 2 * MINUTE;
  IS(haoyuan_book_batch(registry, wishes, grants, COUNT), HAOYUAN_OK);
  CHECK(grants[0].standing == HAOYUAN_BOOKED);
  IS(haoyuan_hold_batch(registry, NULL, NULL, 0), HAOYUAN_OK);
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

static void search_and_load_say_what_is_there(void) {
  haoyuan_t registry = open_registry(NULL);
  haoyuan_search_t search;
  HAOYUAN_INIT(search);
  search.patient_class = HAOYUAN_CLASS_PUBLIC;
  search.channel = HAOYUAN_CHANNEL_WECHAT;
  search.grade = HAOYUAN_ANY;
  search.order = HAOYUAN_ORDER_LEAST_LOADED;
  search.at = OPENS;
  search.first_day = OPENS;
  search.last_day = OPENS + 10 * DAY;
  search.institution = "H1";
  search.institution_length = 2;
  search.department = "CARD";
  search.department_length = 4;
  search.practitioner = "WANG";
  search.practitioner_length = 4;
  haoyuan_found_t found[3];
  size_t count;
  for (int i = 0; i < 3; i++) HAOYUAN_INIT(found[i]);
  IS(haoyuan_search(registry, &search, found, 3, &count), HAOYUAN_OK);
  CHECK(count == 3 && found[0].slot == 0 && found[2].slot == 2 && found[0].to - found[0].from == 30 * MINUTE);
  search.grade = HAOYUAN_GRADE_EXPERT;
  IS(haoyuan_search(registry, &search, found, 3, &count), HAOYUAN_OK);
  CHECK(count == 0 && is_clear(&found[0], sizeof found[0]));
  search.department = "NONE";
  IS(haoyuan_search(registry, &search, found, 3, &count), HAOYUAN_INVALID_ARGUMENT);

  haoyuan_day_t day;
  HAOYUAN_INIT(day);
  day.at = OPENS;
  day.day = OPENS + 7 * DAY;
  haoyuan_load_t loads[8];
  IS(haoyuan_load(registry, &day, NULL, 0, &count), HAOYUAN_BUFFER_TOO_SMALL);
  CHECK(count == 8);
  for (int i = 0; i < 8; i++) HAOYUAN_INIT(loads[i]);
  IS(haoyuan_load(registry, &day, loads, 8, &count), HAOYUAN_OK);
  CHECK(count == 8 && loads[7].capacity == 60 && loads[7].live == 0 && loads[1].from == loads[0].to);
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

static void execute_reaches_every_command(void) {
  haoyuan_t registry = open_registry(NULL);
  static const char line[] =
      "{\"command\":\"session\",\"at\":\"2026-03-03T07:00:00+08:00\",\"session\":\"AM\"}";
  static char buffer[65536];
  size_t needed;
  IS(haoyuan_execute(registry, line, sizeof line - 1, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(strncmp(buffer, "{\"outcome\":\"done\",\"command\":\"session\"", 37) == 0 && strlen(buffer) == needed);
  /* Nothing is kept unless the buffer was too small; then the command was carried out once. */
  char small[4];
  IS(haoyuan_last_answer(small, sizeof small, &needed), HAOYUAN_INVALID_ARGUMENT);
  static const char book[] = "{\"command\":\"book\",\"at\":\"2026-03-03T07:00:00+08:00\",\"patient\":"
                             "\"5f000000000000000000000000000001\",\"session\":\"AM\",\"slot\":0,"
                             "\"class\":\"public\",\"channel\":\"app\"}";
  IS(haoyuan_execute(registry, book, sizeof book - 1, small, sizeof small, &needed), HAOYUAN_BUFFER_TOO_SMALL);
  size_t wanted = needed;
  IS(haoyuan_last_answer(small, sizeof small, &needed), HAOYUAN_BUFFER_TOO_SMALL);
  IS(haoyuan_last_answer(buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(needed == wanted && strncmp(buffer, "{\"outcome\":\"granted\"", 20) == 0);
  haoyuan_availability_t available;
  HAOYUAN_INIT(available);
  haoyuan_ask_t question = ask(0);
  IS(haoyuan_availability(registry, &question, &available), HAOYUAN_OK);
  CHECK(available.live == 1);
  /* A line that is no command is answered, too. */
  IS(haoyuan_execute(registry, "nonsense", 8, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(strncmp(buffer, "{\"outcome\":\"error\"", 18) == 0);
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

static void a_ticket_is_issued_by_a_typed_call_and_used_once(void) {
  haoyuan_t registry = open_registry(NULL);
  haoyuan_ticket_t issued = ticket(1, 0xe001);
  haoyuan_wish_t asked = wish(1, 0);
  haoyuan_grant_t grant;
  HAOYUAN_INIT(grant);
  uint64_t ack = 7;
  asked.patient_class = HAOYUAN_CLASS_REFERRAL_SECONDARY;
  asked.channel = HAOYUAN_CHANNEL_STATION;
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_TICKET_REQUIRED);
  memcpy(asked.ticket, issued.ticket, 16);
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_TICKET_UNKNOWN);
  IS(haoyuan_issue_ticket(registry, &issued, &ack), HAOYUAN_OK);
  CHECK(ack == 0);
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_OK);
  asked.slot = 4;
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_TICKET_USED);
  /* In another department it does not count; what is not registered is a mistake. */
  issued = ticket(2, 0xe002);
  issued.department = "CARD";
  issued.department_length = 4;
  IS(haoyuan_issue_ticket(registry, &issued, &ack), HAOYUAN_OK);
  issued.department_length = 3;
  IS(haoyuan_issue_ticket(registry, &issued, &ack), HAOYUAN_INVALID_ARGUMENT);
  issued = ticket(2, 0xe003);
  issued.patient_class = HAOYUAN_CLASS_PUBLIC;
  IS(haoyuan_issue_ticket(registry, &issued, &ack), HAOYUAN_TICKET_MISMATCH);
  issued = ticket(2, 0xe003);
  issued.expires = issued.at;
  IS(haoyuan_issue_ticket(registry, &issued, &ack), HAOYUAN_TICKET_EXPIRED);
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

static void the_last_error_is_told_in_both_languages(void) {
  haoyuan_t registry = open_registry(NULL);
  haoyuan_wish_t asked = wish(1, 0);
  haoyuan_grant_t grant;
  HAOYUAN_INIT(grant);
  char en[256], zh[256];
  size_t needed;
  asked.slot = 1024;
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_INVALID_ARGUMENT);
  IS(haoyuan_last_error_text(HAOYUAN_ENGLISH, en, sizeof en, &needed), HAOYUAN_OK);
  CHECK(strcmp(en, "`slot` is above 1023") == 0);
  IS(haoyuan_last_error_text(HAOYUAN_CHINESE, zh, sizeof zh, &needed), HAOYUAN_OK);
  CHECK(strcmp(zh, "`slot` 大于 1023") == 0 && needed == strlen(zh));
  haoyuan_options_t o = options("/dev/null/no-folder");
  haoyuan_t other;
  IS(haoyuan_open(&o, &other), HAOYUAN_FOLDER);
  IS(haoyuan_last_error(en, sizeof en, &needed), HAOYUAN_OK);
  IS(haoyuan_last_error_text(HAOYUAN_CHINESE, zh, sizeof zh, &needed), HAOYUAN_OK);
  CHECK(strncmp(en, "could not open folder", 21) == 0 && strncmp(zh, "无法打开目录", strlen("无法打开目录")) == 0);
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

/* A caller that was compiled against a later header: what this library does not know must be zero. */
static void a_longer_structure_is_understood_if_the_rest_is_zero(void) {
  haoyuan_t registry = open_registry(NULL);
  struct { haoyuan_wish_t known; uint8_t later[16]; } asked;
  struct { haoyuan_grant_t known; uint8_t later[8]; } grant;
  memset(&asked, 0, sizeof asked);
  asked.known = wish(9, 0);
  asked.known.struct_size = sizeof asked;
  memset(&grant, 0xee, sizeof grant);
  grant.known.struct_size = sizeof grant;
  IS(haoyuan_hold(registry, &asked.known, &grant.known), HAOYUAN_OK);
  CHECK(grant.known.struct_size == sizeof grant && grant.known.number == 1 && grant.later[0] == 0 && grant.later[7] == 0);
  asked.later[15] = 1;
  IS(haoyuan_hold(registry, &asked.known, &grant.known), HAOYUAN_STRUCT_SIZE);
  CHECK(is_clear(&grant, sizeof grant));
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

static int log_lines;
static int log_worst;

static void count_log(void *context, int32_t level, const char *text, size_t length) {
  CHECK(context == (void *)&log_lines && length > 0 && text[length - 1] != '\0');
  __atomic_add_fetch(&log_lines, 1, __ATOMIC_RELAXED);
  if (level > log_worst) log_worst = level;
}

struct told {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int called;
  int32_t status;
  int32_t reentered;
  haoyuan_t registry;
};

static void tell(void *context, uint64_t ack, int32_t status) {
  struct told *told = (struct told *)context;
  pthread_mutex_lock(&told->lock);
  told->called++;
  told->status = status;
  told->reentered = haoyuan_poll(told->registry, ack);
  pthread_cond_signal(&told->changed);
  pthread_mutex_unlock(&told->lock);
}

static void what_is_acknowledged_is_there_after_a_restart(const char *folder) {
  haoyuan_options_t o = options(folder);
  o.log = count_log;
  o.log_context = &log_lines;
  haoyuan_t registry, second;
  IS(haoyuan_open(&o, &registry), HAOYUAN_OK);
  IS(haoyuan_open(&o, &second), HAOYUAN_JOURNAL_LOCKED);
  CHECK(second == 0);

  haoyuan_grant_t grant;
  HAOYUAN_INIT(grant);
  haoyuan_wish_t asked = wish(1, 0);
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_OK);
  CHECK(grant.ack != 0);
  IS(haoyuan_wait(registry, &grant.ack, 1, -1), HAOYUAN_OK);
  IS(haoyuan_poll(registry, grant.ack), HAOYUAN_OK);
  IS(haoyuan_poll(registry, 0), HAOYUAN_OK);
  IS(haoyuan_poll(registry, grant.ack + 1000), HAOYUAN_UNKNOWN_ACK);

  uint64_t acks[40];
  for (uint32_t i = 0; i < 40; i++) {
    asked = wish(10 + i, 1);
    asked.at = OPENS + i;
    IS(haoyuan_book(registry, &asked, &grant), HAOYUAN_OK);
    acks[i] = grant.ack;
  }
  IS(haoyuan_wait(registry, acks, 40, 10000), HAOYUAN_OK);

  struct told told = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 77, 77, registry};
  asked = wish(60, 2);
  IS(haoyuan_book(registry, &asked, &grant), HAOYUAN_OK);
  IS(haoyuan_on_durable(registry, grant.ack, tell, &told), HAOYUAN_OK);
  pthread_mutex_lock(&told.lock);
  while (!told.called) pthread_cond_wait(&told.changed, &told.lock);
  CHECK(told.called == 1 && told.status == HAOYUAN_OK && told.reentered == HAOYUAN_REENTERED);
  pthread_mutex_unlock(&told.lock);
  /* What is durable already is told at once; what was never given out is not told. */
  IS(haoyuan_on_durable(registry, grant.ack, tell, &told), HAOYUAN_OK);
  CHECK(told.called == 2 && told.reentered == HAOYUAN_REENTERED);
  IS(haoyuan_on_durable(registry, grant.ack + 1000, tell, &told), HAOYUAN_UNKNOWN_ACK);
  CHECK(told.called == 2);
  /* A callback that is registered when the registry is closed was called when that returns. */
  asked = wish(61, 2);
  IS(haoyuan_book(registry, &asked, &grant), HAOYUAN_OK);
  IS(haoyuan_on_durable(registry, grant.ack, tell, &told), HAOYUAN_OK);

  haoyuan_stats_t stats;
  HAOYUAN_INIT(stats);
  IS(haoyuan_stats(registry, &stats), HAOYUAN_OK);
  CHECK(stats.records >= 42 && stats.syncs >= 1 && stats.handles >= 1 && stats.journal_status == HAOYUAN_OK && stats.panics == 0);
  uint8_t before[32], after[32], again[32];
  IS(haoyuan_state_hash(registry, before), HAOYUAN_OK);
  IS(haoyuan_close(registry), HAOYUAN_OK);
  CHECK(told.called == 3 && told.status == HAOYUAN_OK);
  IS(haoyuan_close(registry), HAOYUAN_INVALID_HANDLE);

  /* The same options open it again: what is there is not taken up twice. */
  IS(haoyuan_open(&o, &registry), HAOYUAN_OK);
  IS(haoyuan_state_hash(registry, after), HAOYUAN_OK);
  CHECK(memcmp(before, after, 32) == 0);
  char name[64];
  size_t needed;
  IS(haoyuan_snapshot(registry, name, sizeof name, &needed), HAOYUAN_OK);
  CHECK(needed > 4 && strcmp(name + needed - 4, ".hys") == 0);
  IS(haoyuan_close(registry), HAOYUAN_OK);
  IS(haoyuan_open(&o, &registry), HAOYUAN_OK);
  IS(haoyuan_state_hash(registry, again), HAOYUAN_OK);
  CHECK(memcmp(before, again, 32) == 0);
  IS(haoyuan_close(registry), HAOYUAN_OK);
  CHECK(log_lines >= 4 && log_worst == HAOYUAN_LOG_INFO);

  /* Smaller than what is recorded does not open, and breaks nothing. */
  haoyuan_options_t small = o;
  small.directory = small.policy = small.roster = NULL;
  small.directory_length = small.policy_length = small.roster_length = 0;
  small.for_seats = 10;
  IS(haoyuan_open(&small, &registry), HAOYUAN_JOURNAL_MISFIT);
  o.durability = HAOYUAN_ASYNC;
  o.window_ms = 5;
  IS(haoyuan_open(&o, &registry), HAOYUAN_OK);
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

static void a_command_need_not_wait_for_the_disk(const char *folder) {
  char other[1024], buffer[65536];
  snprintf(other, sizeof other, "%s-submitted", folder);
  haoyuan_options_t o = options(other);
  o.max_delay_us = 1000000;
  haoyuan_t registry;
  IS(haoyuan_open(&o, &registry), HAOYUAN_OK);
  size_t needed;
  uint64_t ack = 7, several, question = 7;
  static const char hold[] = "{\"command\":\"hold\",\"at\":\"2026-03-03T07:00:00+08:00\",\"patient\":"
                             "\"5f000000000000000000000000000001\",\"session\":\"AM\",\"slot\":0,"
                             "\"class\":\"public\",\"channel\":\"app\"}";
  IS(haoyuan_submit(registry, hold, sizeof hold - 1, &ack, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(strncmp(buffer, "{\"outcome\":\"granted\"", 20) == 0 && ack != 0);
  IS(haoyuan_wait(registry, &ack, 1, -1), HAOYUAN_OK);
  /* A tick that sweeps a hold and passes nothing else, and one that sweeps two: several records under one number. */
  haoyuan_wish_t asked = wish(2, 1);
  haoyuan_grant_t grant;
  HAOYUAN_INIT(grant);
  IS(haoyuan_hold(registry, &asked, &grant), HAOYUAN_OK);
  static const char tick[] = "{\"command\":\"tick\",\"at\":\"2026-03-03T08:00:00+08:00\"}";
  IS(haoyuan_submit(registry, tick, sizeof tick - 1, &several, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(several >> 63 == 1);
  int32_t polled = haoyuan_poll(registry, several);
  CHECK(polled == HAOYUAN_PENDING || polled == HAOYUAN_OK);
  struct told told = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 77, 77, registry};
  IS(haoyuan_on_durable(registry, several, tell, &told), HAOYUAN_OK);
  IS(haoyuan_wait(registry, &several, 1, -1), HAOYUAN_OK);
  IS(haoyuan_poll(registry, several), HAOYUAN_OK);
  pthread_mutex_lock(&told.lock);
  while (!told.called) pthread_cond_wait(&told.changed, &told.lock);
  CHECK(told.called == 1 && told.status == HAOYUAN_OK);
  pthread_mutex_unlock(&told.lock);
  IS(haoyuan_poll(registry, several + 1), HAOYUAN_UNKNOWN_ACK);
  /* A question has nothing to wait for. What does not fit is kept, and was done. */
  static const char audit[] = "{\"command\":\"audit\",\"at\":\"2026-03-03T08:00:00+08:00\"}";
  IS(haoyuan_submit(registry, audit, sizeof audit - 1, &question, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(question == 0);
  static const char late[] = "{\"command\":\"hold\",\"at\":\"2026-03-03T09:00:00+08:00\",\"patient\":"
                             "\"5f000000000000000000000000000009\",\"session\":\"AM\",\"slot\":2,"
                             "\"class\":\"public\",\"channel\":\"app\"}";
  IS(haoyuan_submit(registry, late, sizeof late - 1, &ack, NULL, 0, &needed), HAOYUAN_BUFFER_TOO_SMALL);
  CHECK(ack != 0);
  IS(haoyuan_last_answer(buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(strncmp(buffer, "{\"outcome\":\"granted\"", 20) == 0);
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

static void the_journal_keeps_the_refusals_that_were_named(const char *folder) {
  char other[1024];
  snprintf(other, sizeof other, "%s-by-reason", folder);
  static const int32_t kept[] = {HAOYUAN_NOT_OPEN, HAOYUAN_SLOT_FULL};
  haoyuan_options_t o = options(other);
  haoyuan_t registry;
  o.refusals = HAOYUAN_REFUSALS_BY_REASON;
  o.refusal_codes = kept;
  o.refusal_codes_count = 2;
  IS(haoyuan_open(&o, &registry), HAOYUAN_OK);
  haoyuan_grant_t grant;
  HAOYUAN_INIT(grant);
  haoyuan_wish_t early = wish(1, 0), nowhere = wish(1, 900);
  early.at = OPENS - 1;
  IS(haoyuan_hold(registry, &early, &grant), HAOYUAN_NOT_OPEN);
  CHECK(grant.ack != 0);
  IS(haoyuan_wait(registry, &grant.ack, 1, -1), HAOYUAN_OK);
  IS(haoyuan_hold(registry, &nowhere, &grant), HAOYUAN_UNKNOWN_SLOT);
  CHECK(grant.ack == 0);
  IS(haoyuan_close(registry), HAOYUAN_OK);
  /* The codes belong to this choice, and are refusals. */
  static const int32_t wrong[] = {HAOYUAN_NOT_OPEN, 999}, error[] = {HAOYUAN_NULL_POINTER};
  o.refusals = HAOYUAN_REFUSALS_ALL;
  IS(haoyuan_open(&o, &registry), HAOYUAN_INVALID_ARGUMENT);
  o.refusals = HAOYUAN_REFUSALS_BY_REASON;
  o.refusal_codes = wrong;
  IS(haoyuan_open(&o, &registry), HAOYUAN_INVALID_ARGUMENT);
  o.refusal_codes = error;
  o.refusal_codes_count = 1;
  IS(haoyuan_open(&o, &registry), HAOYUAN_INVALID_ARGUMENT);
  o.refusal_codes = NULL;
  IS(haoyuan_open(&o, &registry), HAOYUAN_NULL_POINTER);
  o.refusal_codes_count = SIZE_MAX;
  IS(haoyuan_open(&o, &registry), HAOYUAN_INVALID_LENGTH);
}

/* A program that was compiled against the first header: its options end before the codes. */
static void options_of_the_first_version_open(void) {
  haoyuan_options_t o = options(NULL);
  haoyuan_t registry;
  o.struct_size = (uint32_t)offsetof(haoyuan_options_t, refusal_codes);
  o.abi_version = 1;
  memset((char *)&o + o.struct_size, 0xee, sizeof o - o.struct_size);
  IS(haoyuan_open(&o, &registry), HAOYUAN_OK);
  IS(haoyuan_close(registry), HAOYUAN_OK);
}

static void a_setup_that_is_refused_leaves_nothing(const char *folder) {
  char other[1024];
  snprintf(other, sizeof other, "%s-refused", folder);
  haoyuan_options_t o = options(other);
  o.roster = "code,institution\nAM,H1\n";
  o.roster_length = strlen(o.roster);
  haoyuan_t registry = 1;
  IS(haoyuan_open(&o, &registry), HAOYUAN_SETUP_REFUSED);
  CHECK(registry == 0);
  char why[1024];
  size_t needed;
  IS(haoyuan_last_error(why, sizeof why, &needed), HAOYUAN_OK);
  CHECK(strstr(why, "csv") != NULL);
  o = options(other);
  o.policy = "no-such-preset";
  o.policy_length = strlen(o.policy);
  IS(haoyuan_open(&o, &registry), HAOYUAN_SETUP_REFUSED);
  /* The folder was not even made. */
  FILE *file = fopen(other, "r");
  CHECK(file == NULL);
  haoyuan_t memory = open_registry(NULL);
  char name[8];
  IS(haoyuan_snapshot(memory, name, sizeof name, &needed), HAOYUAN_NO_JOURNAL);
  IS(haoyuan_close(memory), HAOYUAN_OK);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  the_header_and_the_library_fit();
  a_text_goes_into_the_callers_buffer();
  a_morning_by_typed_calls();
  a_batch_answers_each_by_itself();
  search_and_load_say_what_is_there();
  execute_reaches_every_command();
  a_ticket_is_issued_by_a_typed_call_and_used_once();
  the_last_error_is_told_in_both_languages();
  options_of_the_first_version_open();
  a_longer_structure_is_understood_if_the_rest_is_zero();
  what_is_acknowledged_is_there_after_a_restart(argv[1]);
  a_command_need_not_wait_for_the_disk(argv[1]);
  the_journal_keeps_the_refusals_that_were_named(argv[1]);
  a_setup_that_is_refused_leaves_nothing(argv[1]);
  puts("calls: all as described");
  return 0;
}
