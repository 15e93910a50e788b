/* Every way to call wrongly, and the code that it returns. Argument: an empty folder. */
#include "common.h"

static haoyuan_t registry;

/* A page that ends where nothing may be read would be a better guard still; the sanitizers are it. */
static const char BAD_UTF8[] = {'\xff', '\xfe', 'A'};

static void null_everywhere(void) {
  char buffer[16];
  size_t needed;
  uint32_t number;
  haoyuan_wish_t w = wish(1, 0);
  haoyuan_grant_t g;
  haoyuan_settle_t s = settle(1, 1);
  haoyuan_settled_t d;
  haoyuan_ask_t a = ask(0);
  haoyuan_availability_t v;
  haoyuan_search_t q;
  haoyuan_found_t f;
  haoyuan_day_t y;
  haoyuan_load_t l;
  haoyuan_ticket_t t = ticket(1, 1);
  uint64_t ack;
  HAOYUAN_INIT(g);
  HAOYUAN_INIT(d);
  HAOYUAN_INIT(v);
  HAOYUAN_INIT(q);
  HAOYUAN_INIT(f);
  HAOYUAN_INIT(y);
  HAOYUAN_INIT(l);
  haoyuan_options_t o = options(NULL);
  IS(haoyuan_open(NULL, &registry), HAOYUAN_NULL_POINTER);
  CHECK(registry == 0);
  IS(haoyuan_open(&o, NULL), HAOYUAN_NULL_POINTER);
  registry = open_registry(NULL);
  IS(haoyuan_version(buffer, sizeof buffer, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_version(NULL, 5, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_status_text(0, 0, buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_status_text(0, 0, NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_status_name(0, buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_status_name(0, NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_last_error(buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_last_error(NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_last_answer(buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_last_answer(NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_find_session(registry, NULL, 2, &number), HAOYUAN_NULL_POINTER);
  IS(haoyuan_find_session(registry, "AM", 2, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_session_code(registry, 0, buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_session_code(registry, 0, NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_institution_code(registry, 0, buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_institution_code(registry, 0, NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_pool_name(registry, 0, 0, 0, buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_pool_name(registry, 0, 0, 0, NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_availability(registry, NULL, &v), HAOYUAN_NULL_POINTER);
  IS(haoyuan_availability(registry, &a, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_availability_batch(registry, NULL, &v, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_availability_batch(registry, &a, NULL, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_hold(registry, NULL, &g), HAOYUAN_NULL_POINTER);
  CHECK(is_clear(&g, sizeof g));
  IS(haoyuan_hold(registry, &w, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_book(registry, NULL, &g), HAOYUAN_NULL_POINTER);
  IS(haoyuan_book(registry, &w, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_confirm(registry, NULL, &d), HAOYUAN_NULL_POINTER);
  IS(haoyuan_confirm(registry, &s, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_cancel(registry, NULL, &d), HAOYUAN_NULL_POINTER);
  IS(haoyuan_cancel(registry, &s, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_hold_batch(registry, NULL, &g, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_hold_batch(registry, &w, NULL, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_book_batch(registry, NULL, &g, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_book_batch(registry, &w, NULL, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_confirm_batch(registry, NULL, &d, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_confirm_batch(registry, &s, NULL, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_cancel_batch(registry, NULL, &d, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_cancel_batch(registry, &s, NULL, 1), HAOYUAN_NULL_POINTER);
  IS(haoyuan_search(registry, NULL, &f, 1, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_search(registry, &q, NULL, 1, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_search(registry, &q, &f, 1, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_load(registry, NULL, &l, 1, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_load(registry, &y, NULL, 1, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_load(registry, &y, &l, 1, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_execute(registry, NULL, 2, buffer, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_execute(registry, NULL, 0, buffer, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_execute(registry, "{}", 2, NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_execute(registry, "{}", 2, buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_submit(registry, NULL, 2, &ack, buffer, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_submit(registry, "{}", 2, NULL, buffer, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_submit(registry, "{}", 2, &ack, NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_submit(registry, "{}", 2, &ack, buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_issue_ticket(registry, NULL, &ack), HAOYUAN_NULL_POINTER);
  IS(haoyuan_issue_ticket(registry, &t, NULL), HAOYUAN_NULL_POINTER);
  t.institution = NULL;
  IS(haoyuan_issue_ticket(registry, &t, &ack), HAOYUAN_NULL_POINTER);
  IS(haoyuan_last_error_text(0, buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_last_error_text(0, NULL, 16, &needed), HAOYUAN_NULL_POINTER);
  IS(haoyuan_snapshot(registry, buffer, 16, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_stats(registry, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_state_hash(registry, NULL), HAOYUAN_NULL_POINTER);
  IS(haoyuan_wait(registry, NULL, 1, 0), HAOYUAN_NULL_POINTER);
  IS(haoyuan_on_durable(registry, 0, NULL, NULL), HAOYUAN_NULL_POINTER);
}

static void lengths_of_zero_and_of_everything(void) {
  char buffer[512];
  size_t needed;
  uint32_t number;
  haoyuan_wish_t w = wish(1, 0);
  haoyuan_grant_t g;
  haoyuan_settle_t s = settle(1, 1);
  haoyuan_settled_t d;
  haoyuan_ask_t a = ask(0);
  haoyuan_availability_t v;
  haoyuan_search_t q;
  haoyuan_found_t f;
  haoyuan_day_t y;
  haoyuan_load_t l;
  uint64_t ack = 0;
  HAOYUAN_INIT(g);
  HAOYUAN_INIT(d);
  HAOYUAN_INIT(v);
  HAOYUAN_INIT(q);
  HAOYUAN_INIT(f);
  HAOYUAN_INIT(y);
  HAOYUAN_INIT(l);
  IS(haoyuan_find_session(registry, "", 0, &number), HAOYUAN_UNKNOWN_SESSION);
  IS(haoyuan_find_session(registry, NULL, 0, &number), HAOYUAN_UNKNOWN_SESSION);
  IS(haoyuan_find_session(registry, "AM", SIZE_MAX, &number), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_find_session(registry, "AM", HAOYUAN_TEXT_BYTES_MAX + 1, &number), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_execute(registry, "{}", SIZE_MAX, buffer, sizeof buffer, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_execute(registry, "", 0, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  CHECK(strncmp(buffer, "{\"outcome\":\"error\"", 18) == 0);
  IS(haoyuan_execute(registry, "{}", 2, buffer, SIZE_MAX, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_submit(registry, "{}", SIZE_MAX, &ack, buffer, sizeof buffer, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_submit(registry, "{}", 2, &ack, buffer, SIZE_MAX, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_submit(registry, "", 0, &ack, buffer, sizeof buffer, &needed), HAOYUAN_OK);
  haoyuan_ticket_t t = ticket(1, 1);
  t.institution_length = SIZE_MAX;
  IS(haoyuan_issue_ticket(registry, &t, &ack), HAOYUAN_INVALID_LENGTH);
  t.institution_length = 0;
  IS(haoyuan_issue_ticket(registry, &t, &ack), HAOYUAN_INVALID_ARGUMENT);
  IS(haoyuan_last_error_text(0, buffer, SIZE_MAX, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_version(buffer, SIZE_MAX, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_session_code(registry, 0, buffer, SIZE_MAX, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_session_code(registry, 0, buffer, 0, &needed), HAOYUAN_BUFFER_TOO_SMALL);
  IS(haoyuan_hold_batch(registry, &w, &g, SIZE_MAX), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_hold_batch(registry, &w, &g, HAOYUAN_BATCH_MAX + 1), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_book_batch(registry, &w, &g, SIZE_MAX), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_confirm_batch(registry, &s, &d, SIZE_MAX), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_cancel_batch(registry, &s, &d, SIZE_MAX), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_availability_batch(registry, &a, &v, SIZE_MAX), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_search(registry, &q, &f, SIZE_MAX, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_search(registry, &q, &f, 0, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_load(registry, &y, &l, SIZE_MAX, &needed), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_wait(registry, &ack, SIZE_MAX, 0), HAOYUAN_INVALID_LENGTH);
  IS(haoyuan_wait(registry, &ack, 1, 0), HAOYUAN_OK);
  IS(haoyuan_wait(registry, NULL, 0, INT64_MAX), HAOYUAN_OK);
  IS(haoyuan_wait(registry, &ack, 1, INT64_MIN), HAOYUAN_OK);
  haoyuan_options_t o = options(NULL);
  haoyuan_t other;
  o.roster_length = SIZE_MAX;
  IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_LENGTH);
  o = options("x");
  o.folder_length = SIZE_MAX;
  IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_LENGTH);
  o.folder_length = 0;
  IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_ARGUMENT);
  o.folder = "a\0b";
  o.folder_length = 3;
  IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_ARGUMENT);
}

static void texts_that_are_no_utf8(void) {
  char buffer[16];
  size_t needed;
  uint32_t number;
  haoyuan_t other;
  IS(haoyuan_find_session(registry, BAD_UTF8, sizeof BAD_UTF8, &number), HAOYUAN_INVALID_UTF8);
  IS(haoyuan_execute(registry, BAD_UTF8, sizeof BAD_UTF8, buffer, 16, &needed), HAOYUAN_INVALID_UTF8);
  uint64_t ack;
  IS(haoyuan_submit(registry, BAD_UTF8, sizeof BAD_UTF8, &ack, buffer, 16, &needed), HAOYUAN_INVALID_UTF8);
  haoyuan_ticket_t t = ticket(1, 1);
  t.department = BAD_UTF8;
  t.department_length = sizeof BAD_UTF8;
  IS(haoyuan_issue_ticket(registry, &t, &ack), HAOYUAN_INVALID_UTF8);
  haoyuan_search_t q;
  haoyuan_found_t f;
  HAOYUAN_INIT(q);
  HAOYUAN_INIT(f);
  q.institution = BAD_UTF8;
  q.institution_length = sizeof BAD_UTF8;
  IS(haoyuan_search(registry, &q, &f, 1, &needed), HAOYUAN_INVALID_UTF8);
  haoyuan_day_t y;
  haoyuan_load_t l;
  HAOYUAN_INIT(y);
  HAOYUAN_INIT(l);
  y.institution = BAD_UTF8;
  y.institution_length = sizeof BAD_UTF8;
  IS(haoyuan_load(registry, &y, &l, 1, &needed), HAOYUAN_INVALID_UTF8);
  haoyuan_options_t o = options(NULL);
  o.directory = BAD_UTF8;
  o.directory_length = sizeof BAD_UTF8;
  IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_UTF8);
  o = options("x");
  o.folder = BAD_UTF8;
  o.folder_length = sizeof BAD_UTF8;
  IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_UTF8);
}

static void sizes_that_no_version_has(void) {
  static const uint32_t sizes[] = {0, 1, 4, 8, 100, 103, 105, 4097, 65536, INT32_MAX, UINT32_MAX};
  size_t needed;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    uint32_t size = sizes[i];
    haoyuan_wish_t w = wish(1, 0);
    haoyuan_grant_t g;
    HAOYUAN_INIT(g);
    w.struct_size = size;
    IS(haoyuan_hold(registry, &w, &g), HAOYUAN_STRUCT_SIZE);
    CHECK(is_clear(&g, sizeof g) && g.struct_size == sizeof g);
    IS(haoyuan_hold_batch(registry, &w, &g, 1), HAOYUAN_STRUCT_SIZE);
    w = wish(1, 0);
    g.struct_size = size;
    g.booking = 77;
    IS(haoyuan_book(registry, &w, &g), HAOYUAN_STRUCT_SIZE);
    CHECK(g.booking == 77 && g.struct_size == size);
    IS(haoyuan_book_batch(registry, &w, &g, 1), HAOYUAN_STRUCT_SIZE);
    haoyuan_settle_t s = settle(1, 1);
    haoyuan_settled_t d;
    HAOYUAN_INIT(d);
    if (size != 100) {
      s.struct_size = size;
      IS(haoyuan_confirm(registry, &s, &d), HAOYUAN_STRUCT_SIZE);
      IS(haoyuan_cancel(registry, &s, &d), HAOYUAN_STRUCT_SIZE);
    }
    haoyuan_options_t o = options(NULL);
    haoyuan_t other = 5;
    o.struct_size = size;
    IS(haoyuan_open(&o, &other), HAOYUAN_STRUCT_SIZE);
    CHECK(other == 0);
    haoyuan_stats_t t;
    HAOYUAN_INIT(t);
    if (size != 100) {
      t.struct_size = size;
      IS(haoyuan_stats(registry, &t), HAOYUAN_STRUCT_SIZE);
    }
    haoyuan_ask_t a = ask(0);
    haoyuan_availability_t v;
    HAOYUAN_INIT(v);
    if (size != 100) {
      a.struct_size = size;
      IS(haoyuan_availability(registry, &a, &v), HAOYUAN_STRUCT_SIZE);
    }
  }
  /* All of a batch have the size of the first, and nothing is decided if not. */
  haoyuan_wish_t w[3] = {wish(1, 0), wish(2, 0), wish(3, 0)};
  haoyuan_grant_t g[3];
  for (int i = 0; i < 3; i++) HAOYUAN_INIT(g[i]);
  w[2].struct_size = 112;
  IS(haoyuan_hold_batch(registry, w, g, 3), HAOYUAN_STRUCT_SIZE);
  w[2].struct_size = 104;
  g[1].struct_size = 0;
  IS(haoyuan_hold_batch(registry, w, g, 3), HAOYUAN_STRUCT_SIZE);
  haoyuan_availability_t v;
  haoyuan_ask_t a = ask(0);
  HAOYUAN_INIT(v);
  IS(haoyuan_availability(registry, &a, &v), HAOYUAN_OK);
  CHECK(v.live == 0);
  (void)needed;
}

static void values_out_of_range(void) {
  static const uint32_t wild[] = {8, 9, 255, 256, 65536, INT32_MAX, UINT32_MAX};
  haoyuan_grant_t g;
  haoyuan_settled_t d;
  haoyuan_availability_t v;
  haoyuan_t other;
  char buffer[256];
  size_t needed;
  HAOYUAN_INIT(g);
  HAOYUAN_INIT(d);
  HAOYUAN_INIT(v);
  for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
    haoyuan_wish_t w = wish(1, 0);
    w.patient_class = wild[i];
    IS(haoyuan_hold(registry, &w, &g), HAOYUAN_INVALID_ARGUMENT);
    haoyuan_last_error(buffer, sizeof buffer, &needed);
    CHECK(strncmp(buffer, "`patient_class`", 15) == 0);
    w = wish(1, 0);
    w.channel = wild[i];
    IS(haoyuan_hold(registry, &w, &g), HAOYUAN_INVALID_ARGUMENT);
    w = wish(1, 0);
    w.role = wild[i];
    IS(haoyuan_hold(registry, &w, &g), HAOYUAN_INVALID_ARGUMENT);
    w = wish(1, 0);
    w.reserved = wild[i];
    IS(haoyuan_hold(registry, &w, &g), HAOYUAN_INVALID_ARGUMENT);
    haoyuan_ticket_t t = ticket(1, 1);
    uint64_t ack = 7;
    t.patient_class = wild[i];
    IS(haoyuan_issue_ticket(registry, &t, &ack), HAOYUAN_INVALID_ARGUMENT);
    CHECK(ack == 0);
    t = ticket(1, 1);
    t.role = wild[i];
    IS(haoyuan_issue_ticket(registry, &t, &ack), HAOYUAN_INVALID_ARGUMENT);
    t = ticket(1, 1);
    t.expires = INT64_MAX - (int64_t)wild[i];
    IS(haoyuan_issue_ticket(registry, &t, &ack), HAOYUAN_INVALID_ARGUMENT);
    IS(haoyuan_last_error_text(wild[i], buffer, sizeof buffer, &needed), HAOYUAN_INVALID_ARGUMENT);
    haoyuan_settle_t s = settle(1, 1);
    s.role = wild[i];
    IS(haoyuan_cancel(registry, &s, &d), HAOYUAN_INVALID_ARGUMENT);
    haoyuan_ask_t a = ask(0);
    a.channel = wild[i];
    IS(haoyuan_availability(registry, &a, &v), HAOYUAN_INVALID_ARGUMENT);
    a = ask(0);
    a.patient_class = wild[i];
    IS(haoyuan_availability(registry, &a, &v), HAOYUAN_INVALID_ARGUMENT);
    haoyuan_options_t o = options(NULL);
    o.durability = wild[i];
    IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_ARGUMENT);
    o = options(NULL);
    o.refusals = wild[i];
    IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_ARGUMENT);
    o = options(NULL);
    o.hash = wild[i];
    IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_ARGUMENT);
    haoyuan_search_t q;
    haoyuan_found_t f;
    HAOYUAN_INIT(q);
    HAOYUAN_INIT(f);
    q.order = wild[i];
    q.grade = HAOYUAN_ANY;
    IS(haoyuan_search(registry, &q, &f, 1, &needed), HAOYUAN_INVALID_ARGUMENT);
    q.order = 0;
    q.patient_class = wild[i];
    IS(haoyuan_search(registry, &q, &f, 1, &needed), HAOYUAN_INVALID_ARGUMENT);
    q.patient_class = 0;
    q.channel = wild[i];
    IS(haoyuan_search(registry, &q, &f, 1, &needed), HAOYUAN_INVALID_ARGUMENT);
    if (wild[i] != HAOYUAN_ANY) {
      q.channel = 0;
      q.grade = wild[i];
      IS(haoyuan_search(registry, &q, &f, 1, &needed), HAOYUAN_INVALID_ARGUMENT);
    }
    IS(haoyuan_status_text(0, wild[i], buffer, sizeof buffer, &needed), HAOYUAN_INVALID_ARGUMENT);
    /* -1 is a status. */
    IS(haoyuan_status_text((int32_t)wild[i], 0, buffer, sizeof buffer, &needed),
       wild[i] == UINT32_MAX ? HAOYUAN_OK : HAOYUAN_INVALID_ARGUMENT);
    IS(haoyuan_status_name((int32_t)wild[i], buffer, sizeof buffer, &needed),
       wild[i] == UINT32_MAX ? HAOYUAN_OK : HAOYUAN_INVALID_ARGUMENT);
  }
  haoyuan_wish_t w = wish(1, 0);
  memset(w.patient, 0, 16);
  IS(haoyuan_hold(registry, &w, &g), HAOYUAN_INVALID_ARGUMENT);
  w = wish(1, 1024);
  IS(haoyuan_hold(registry, &w, &g), HAOYUAN_INVALID_ARGUMENT);
  w = wish(1, 0);
  w.session = UINT32_MAX;
  IS(haoyuan_hold(registry, &w, &g), HAOYUAN_INVALID_ARGUMENT);
  static const int64_t never[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 42};
  for (int i = 0; i < 4; i++) {
    w = wish(1, 0);
    w.at = never[i];
    IS(haoyuan_hold(registry, &w, &g), HAOYUAN_INVALID_ARGUMENT);
  }
  w = wish(1, 0);
  w.reason = 65536;
  IS(haoyuan_hold(registry, &w, &g), HAOYUAN_INVALID_ARGUMENT);
  static const uint64_t nothing[] = {0, UINT64_MAX, UINT64_C(1) << 62, UINT64_C(63) << 32 | 1};
  for (int i = 0; i < 4; i++) {
    haoyuan_settle_t s = settle(1, nothing[i]);
    IS(haoyuan_confirm(registry, &s, &d), HAOYUAN_INVALID_ARGUMENT);
  }
  haoyuan_settle_t s = settle(1, UINT64_C(0x3fffffff) << 32);
  s.booking |= 1;
  IS(haoyuan_confirm(registry, &s, &d), HAOYUAN_INVALID_ARGUMENT);
  s = settle(1, 12345);
  IS(haoyuan_confirm(registry, &s, &d), HAOYUAN_UNKNOWN_BOOKING);
  IS(haoyuan_pool_name(registry, 0, 0, 99, buffer, sizeof buffer, &needed), HAOYUAN_INVALID_ARGUMENT);
  IS(haoyuan_pool_name(registry, UINT32_MAX, UINT32_MAX, 0, buffer, sizeof buffer, &needed), HAOYUAN_UNKNOWN_SLOT);
  IS(haoyuan_institution_code(registry, UINT32_MAX, buffer, sizeof buffer, &needed), HAOYUAN_INVALID_ARGUMENT);
  IS(haoyuan_session_code(registry, UINT32_MAX, buffer, sizeof buffer, &needed), HAOYUAN_UNKNOWN_SESSION);
  IS(haoyuan_poll(registry, 5), HAOYUAN_UNKNOWN_ACK);
  IS(haoyuan_poll(registry, UINT64_MAX), HAOYUAN_UNKNOWN_ACK);
  haoyuan_options_t o = options(NULL);
  o.abi_version = 0x10000;
  IS(haoyuan_open(&o, &other), HAOYUAN_ABI_MISMATCH);
  o = options(NULL);
  o.for_seats = 16000001;
  IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_ARGUMENT);
  o = options(NULL);
  o.patients = UINT32_MAX;
  IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_ARGUMENT);
  o = options(NULL);
  o.at = -1;
  IS(haoyuan_open(&o, &other), HAOYUAN_INVALID_ARGUMENT);
  o = options("/proc/nowhere/journal");
  IS(haoyuan_open(&o, &other), HAOYUAN_FOLDER);
  CHECK(other == 0);
  /* A pointer that is not aligned as its type demands is told, not followed. */
  static _Alignas(16) unsigned char crooked[256];
  IS(haoyuan_stats(registry, (haoyuan_stats_t *)(void *)(crooked + 1)), HAOYUAN_INVALID_ARGUMENT);
}

/* Every function with a handle, under one that is not open. */
static void all_say(haoyuan_t wrong, int32_t status) {
  char buffer[64];
  size_t needed;
  uint32_t number;
  uint8_t hash[32];
  uint64_t ack = 0;
  haoyuan_wish_t w = wish(1, 0);
  haoyuan_grant_t g;
  haoyuan_settle_t s = settle(1, 1);
  haoyuan_settled_t d;
  haoyuan_ask_t a = ask(0);
  haoyuan_availability_t v;
  haoyuan_search_t q;
  haoyuan_found_t f;
  haoyuan_day_t y;
  haoyuan_load_t l;
  haoyuan_stats_t t;
  HAOYUAN_INIT(g);
  HAOYUAN_INIT(d);
  HAOYUAN_INIT(v);
  HAOYUAN_INIT(q);
  HAOYUAN_INIT(f);
  HAOYUAN_INIT(y);
  HAOYUAN_INIT(l);
  HAOYUAN_INIT(t);
  IS(haoyuan_close(wrong), status);
  IS(haoyuan_find_session(wrong, "AM", 2, &number), status);
  IS(haoyuan_session_code(wrong, 0, buffer, 64, &needed), status);
  IS(haoyuan_institution_code(wrong, 0, buffer, 64, &needed), status);
  IS(haoyuan_pool_name(wrong, 0, 0, 0, buffer, 64, &needed), status);
  IS(haoyuan_availability(wrong, &a, &v), status);
  IS(haoyuan_availability_batch(wrong, &a, &v, 1), status);
  g.booking = 77;
  IS(haoyuan_hold(wrong, &w, &g), status);
  CHECK(g.booking == 0);
  IS(haoyuan_book(wrong, &w, &g), status);
  IS(haoyuan_confirm(wrong, &s, &d), status);
  IS(haoyuan_cancel(wrong, &s, &d), status);
  IS(haoyuan_hold_batch(wrong, &w, &g, 1), status);
  IS(haoyuan_hold_batch(wrong, NULL, NULL, 0), status);
  IS(haoyuan_book_batch(wrong, &w, &g, 1), status);
  IS(haoyuan_confirm_batch(wrong, &s, &d, 1), status);
  IS(haoyuan_cancel_batch(wrong, &s, &d, 1), status);
  IS(haoyuan_search(wrong, &q, &f, 1, &needed), status);
  IS(haoyuan_load(wrong, &y, &l, 1, &needed), status);
  IS(haoyuan_execute(wrong, "{}", 2, buffer, 64, &needed), status);
  IS(haoyuan_submit(wrong, "{}", 2, &ack, buffer, 64, &needed), status);
  haoyuan_ticket_t k = ticket(1, 1);
  IS(haoyuan_issue_ticket(wrong, &k, &ack), status);
  ack = 0;
  IS(haoyuan_snapshot(wrong, buffer, 64, &needed), status);
  IS(haoyuan_stats(wrong, &t), status);
  IS(haoyuan_state_hash(wrong, hash), status);
  IS(haoyuan_wait(wrong, &ack, 1, -1), status);
  IS(haoyuan_poll(wrong, 0), status);
  IS(haoyuan_on_durable(wrong, 0, NULL, NULL), status);
}

static void handles_that_name_nothing(void) {
  haoyuan_t first = open_registry(NULL), second = open_registry(NULL);
  CHECK(first != second && first != registry && first != 0);
  IS(haoyuan_close(first), HAOYUAN_OK);
  all_say(first, HAOYUAN_INVALID_HANDLE);
  /* The place is used again, the number is not. */
  haoyuan_t third = open_registry(NULL);
  CHECK(third != first);
  all_say(first, HAOYUAN_INVALID_HANDLE);
  all_say(0, HAOYUAN_INVALID_HANDLE);
  all_say(1, HAOYUAN_INVALID_HANDLE);
  all_say(UINT64_MAX, HAOYUAN_INVALID_HANDLE);
  /* Foreign: a pointer, a booking, an acknowledgement, the neighbours of a good one. */
  all_say((haoyuan_t)(uintptr_t)&first, HAOYUAN_INVALID_HANDLE);
  all_say(third + 1, HAOYUAN_INVALID_HANDLE);
  all_say(third - 1, HAOYUAN_INVALID_HANDLE);
  all_say(third ^ UINT64_C(1) << 63, HAOYUAN_INVALID_HANDLE);
  /* Random: xorshift, so that a failure comes again. */
  uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
  for (int i = 0; i < 20000; i++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    if (random == second || random == third || random == registry) continue;
    IS(haoyuan_poll(random, 0), HAOYUAN_INVALID_HANDLE);
    if (i % 200 == 0) IS(haoyuan_close(random), HAOYUAN_INVALID_HANDLE);
  }
  IS(haoyuan_poll(second, 0), HAOYUAN_OK);
  IS(haoyuan_close(second), HAOYUAN_OK);
  IS(haoyuan_close(third), HAOYUAN_OK);
}

static void as_many_as_can_be(void) {
  static haoyuan_t many[HAOYUAN_HANDLES_MAX];
  haoyuan_options_t o = options(NULL);
  o.for_seats = 1;
  o.shapes = 1;
  o.directory = o.policy = o.roster = NULL;
  o.directory_length = o.policy_length = o.roster_length = 0;
  uint32_t opened = 0;
  int32_t status;
  haoyuan_t more = 0;
  while ((status = haoyuan_open(&o, &more)) == HAOYUAN_OK) {
    CHECK(opened < HAOYUAN_HANDLES_MAX);
    many[opened++] = more;
  }
  IS(status, HAOYUAN_TOO_MANY_HANDLES);
  CHECK(more == 0 && opened == HAOYUAN_HANDLES_MAX - 1);
  for (uint32_t i = 0; i < opened; i++) IS(haoyuan_close(many[i]), HAOYUAN_OK);
}

static haoyuan_t inside;
static int32_t seen[16];
static int seen_count;

static void calls_back(void *context, int32_t level, const char *text, size_t length) {
  (void)context;
  (void)level;
  (void)text;
  (void)length;
  haoyuan_wish_t w = wish(1, 0);
  haoyuan_grant_t g;
  char buffer[64];
  size_t needed;
  haoyuan_t other;
  haoyuan_options_t o = options(NULL);
  HAOYUAN_INIT(g);
  seen_count = 0;
  seen[seen_count++] = haoyuan_hold(registry, &w, &g);
  seen[seen_count++] = haoyuan_close(registry);
  seen[seen_count++] = haoyuan_execute(registry, "{}", 2, buffer, 64, &needed);
  seen[seen_count++] = haoyuan_open(&o, &other);
  seen[seen_count++] = haoyuan_poll(registry, 0);
  seen[seen_count++] = haoyuan_poll(12345, 0);
  seen[seen_count++] = haoyuan_close(12345);
  /* What needs no registry works. */
  IS(haoyuan_status_name(HAOYUAN_OK, buffer, 64, &needed), HAOYUAN_OK);
}

static void callbacks_that_reenter(void) {
  haoyuan_options_t o = options(NULL);
  o.log = calls_back;
  IS(haoyuan_open(&o, &inside), HAOYUAN_OK);
  IS(haoyuan_close(inside), HAOYUAN_OK);
  CHECK(seen_count == 7);
  for (int i = 0; i < seen_count; i++) IS(seen[i], HAOYUAN_REENTERED);
  IS(haoyuan_poll(registry, 0), HAOYUAN_OK);
}

int main(void) {
  null_everywhere();
  lengths_of_zero_and_of_everything();
  texts_that_are_no_utf8();
  sizes_that_no_version_has();
  values_out_of_range();
  handles_that_name_nothing();
  as_many_as_can_be();
  callbacks_that_reenter();
  IS(haoyuan_close(registry), HAOYUAN_OK);
  puts("misuse: each mistake has its code");
  return 0;
}
