/* What the tests in C share: a check that says where it failed, a small hospital, and wishes for it. */
#ifndef COMMON_H
#define COMMON_H

#include <haoyuan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      char why_[1024];                                                                             \
      size_t length_;                                                                              \
      haoyuan_last_error(why_, sizeof why_, &length_);                                             \
      fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #condition, why_); \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

#define IS(expression, wanted)                                                                     \
  do {                                                                                             \
    int32_t is_ = (expression);                                                                    \
    if (is_ != (int32_t)(wanted)) {                                                                \
      fprintf(stderr, "%s:%d: %s is %d and not %s\n", __FILE__, __LINE__, #expression, (int)is_, #wanted); \
      CHECK(0);                                                                                    \
    }                                                                                              \
  } while (0)

#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)
/* 2026-03-03T07:00:00+08:00, when the public pool of the session opens. */
#define OPENS INT64_C(1772492400000)
/* 2026-02-01T09:00:00+08:00 */
#define SETUP INT64_C(1769907600000)

static const char DIRECTORY[] =
    "[[institution]]\ncode = \"H1\"\nname = \"省第一医院\"\ntier = \"tertiary\"\n"
    "[[department]]\ninstitution = \"H1\"\ncode = \"CARD\"\nname = \"心内科\"\n"
    "[[practitioner]]\ncode = \"WANG\"\nname = \"王医生\"\nsites = [\"H1\"]\n";
/* Nothing that is given back is kept back: the tests book the same seats again and again. */
static const char POLICY[] = "name = \"test\"\nextends = \"jilin-2018\"\n[anti_scalping]\nwindow_returns_online = true\n"
                             "reappears_after = { least = \"0s\", most = \"0s\" }\n";
/* Eight slots of 60 seats. */
static const char ROSTER[] = "code,institution,department,practitioner,date,from,to,grade,slot_minutes,seats_per_slot\n"
                             "AM,H1,CARD,WANG,2026-03-10,08:00,12:00,ordinary,30,60\n";

static inline haoyuan_options_t options(const char *folder) {
  haoyuan_options_t o;
  HAOYUAN_INIT(o);
  o.abi_version = HAOYUAN_ABI_VERSION;
  o.durability = folder ? HAOYUAN_SYNCED : HAOYUAN_MEMORY;
  o.for_seats = 2000;
  o.at = SETUP;
  o.folder = folder;
  o.folder_length = folder ? strlen(folder) : 0;
  o.directory = DIRECTORY;
  o.directory_length = sizeof DIRECTORY - 1;
  o.policy = POLICY;
  o.policy_length = sizeof POLICY - 1;
  o.roster = ROSTER;
  o.roster_length = sizeof ROSTER - 1;
  return o;
}

static inline haoyuan_t open_registry(const char *folder) {
  haoyuan_options_t o = options(folder);
  haoyuan_t registry;
  IS(haoyuan_open(&o, &registry), HAOYUAN_OK);
  return registry;
}

static inline void key_of(uint8_t key[16], uint32_t number) {
  memset(key, 0, 16);
  key[0] = 0x5f;
  key[12] = (uint8_t)(number >> 24);
  key[13] = (uint8_t)(number >> 16);
  key[14] = (uint8_t)(number >> 8);
  key[15] = (uint8_t)number;
}

static inline haoyuan_wish_t wish(uint32_t patient, uint32_t slot) {
  haoyuan_wish_t w;
  HAOYUAN_INIT(w);
  w.slot = slot;
  w.patient_class = HAOYUAN_CLASS_PUBLIC;
  w.channel = HAOYUAN_CHANNEL_APP;
  w.at = OPENS;
  key_of(w.patient, patient);
  return w;
}

static inline haoyuan_settle_t settle(uint32_t patient, uint64_t booking) {
  haoyuan_settle_t s;
  HAOYUAN_INIT(s);
  s.at = OPENS + MINUTE;
  s.booking = booking;
  key_of(s.patient, patient);
  return s;
}

static inline haoyuan_ask_t ask(uint32_t slot) {
  haoyuan_ask_t a;
  HAOYUAN_INIT(a);
  a.slot = slot;
  a.patient_class = HAOYUAN_CLASS_PUBLIC;
  a.channel = HAOYUAN_CHANNEL_APP;
  a.at = OPENS;
  return a;
}

static inline haoyuan_ticket_t ticket(uint32_t patient, uint32_t number) {
  haoyuan_ticket_t t;
  HAOYUAN_INIT(t);
  t.patient_class = HAOYUAN_CLASS_REFERRAL_SECONDARY;
  t.role = HAOYUAN_ROLE_REFERRER;
  t.at = OPENS;
  t.expires = OPENS + 10 * DAY;
  t.institution = "H1";
  t.institution_length = 2;
  key_of(t.ticket, number);
  key_of(t.patient, patient);
  return t;
}

/* Whether everything behind struct_size is zero. */
static inline int is_clear(const void *structure, size_t size) {
  const unsigned char *bytes = (const unsigned char *)structure;
  size_t i;
  for (i = 4; i < size; i++)
    if (bytes[i] != 0) return 0;
  return 1;
}

#endif
