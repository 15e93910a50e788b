// A morning at a hospital, in C++17:
//
//   g++ -std=c++17 morning.cpp $(pkg-config --cflags --libs haoyuan) -o morning && ./morning scenario.jsonl
#include "haoyuan.hpp"

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <iostream>

using namespace haoyuan;

namespace {

// 2026-03-03T07:00:00+08:00, when the public pool opens.
constexpr std::int64_t OPENS = 1772492400000;
constexpr std::int64_t MINUTE = 60000;

void patient(std::uint8_t (&key)[16], std::uint8_t number) {
  key[0] = 0x5f;
  key[15] = number;
}

haoyuan_wish_t wish(std::uint32_t session, std::uint8_t number, std::uint32_t slot, std::uint32_t channel,
                    std::int64_t at) {
  auto wish = make<haoyuan_wish_t>();
  wish.session = session;
  wish.slot = slot;
  wish.patient_class = HAOYUAN_CLASS_PUBLIC;
  wish.channel = channel;
  wish.at = at;
  patient(wish.patient, number);
  return wish;
}

haoyuan_settle_t settle(std::uint8_t number, std::uint64_t booking, std::int64_t at) {
  auto settle = make<haoyuan_settle_t>();
  settle.at = at;
  settle.booking = booking;
  patient(settle.patient, number);
  return settle;
}

void morning(const char *file) {
  auto options = make<haoyuan_options_t>();
  options.abi_version = HAOYUAN_ABI_VERSION;
  options.durability = HAOYUAN_MEMORY;
  Registry registry(options);
  std::ifstream script(file);
  if (!script) throw std::runtime_error(std::string("cannot read ") + file);
  for (std::string line; std::getline(script, line);) {
    auto answer = registry.execute(line);
    if (answer.find("\"outcome\":\"error\"") != std::string::npos) throw std::runtime_error(answer);
  }
  const auto session = registry.find_session("CARD-0310-AM");

  auto ask = make<haoyuan_ask_t>();
  ask.session = session;
  ask.channel = HAOYUAN_CHANNEL_APP;
  ask.at = OPENS - 1;
  const auto early = registry.availability(ask).status;
  std::printf("a millisecond early: %d %s / %s\n", early, text_of(early, HAOYUAN_ENGLISH).c_str(),
              text_of(early, HAOYUAN_CHINESE).c_str());

  auto first = wish(session, 1, 0, HAOYUAN_CHANNEL_APP, OPENS);
  first.key[15] = 0xa1;
  const auto held = registry.hold(first);
  const auto again = registry.hold(first);
  std::printf("held: number %u, booking %016" PRIx64 ", the same again: %s\n", held.number, held.booking,
              again.booking == held.booking ? "yes" : "no");
  std::printf("confirmed: changed %u\n", registry.confirm(settle(1, held.booking, OPENS + MINUTE)).changed);
  const auto more = registry.book(wish(session, 1, 5, HAOYUAN_CHANNEL_APP, OPENS + 2 * MINUTE));
  std::printf("once more: %d %s, limit %" PRIu64 "\n", more.status, name_of(more.status).c_str(), more.binding_value);

  std::vector<haoyuan_wish_t> wishes;
  for (std::uint8_t i = 2; i < 8; i++)
    wishes.push_back(wish(session, i, 1, HAOYUAN_CHANNEL_WECHAT, OPENS + 3 * MINUTE));
  const auto grants = registry.book(wishes);
  std::printf("six at once:");
  for (const auto &grant : grants) std::printf(" %d", grant.status);
  const auto bound = static_cast<std::uint32_t>(grants[5].binding_value);
  std::printf(", bound by %s\n", registry.pool_name(session, 1, bound).c_str());

  auto referred = wish(session, 0x14, 1, HAOYUAN_CHANNEL_STATION, OPENS + 4 * MINUTE);
  referred.patient_class = HAOYUAN_CLASS_REFERRAL_SECONDARY;
  referred.ticket[14] = 0xe0;
  referred.ticket[15] = 0x01;
  const auto placed = registry.book(referred);
  std::printf("referred: number %u from %s\n", placed.number, registry.pool_name(session, 1, placed.pool).c_str());
  std::printf("cancelled: changed %u\n", registry.cancel(settle(2, grants[0].booking, OPENS + 5 * MINUTE)).changed);

  auto search = make<haoyuan_search_t>();
  search.channel = HAOYUAN_CHANNEL_WEB;
  search.grade = HAOYUAN_ANY;
  search.order = HAOYUAN_ORDER_LEAST_LOADED;
  search.at = OPENS + 6 * MINUTE;
  search.first_day = search.last_day = OPENS + 7 * 24 * 60 * MINUTE;
  std::printf("quiet slots:");
  for (const auto &found : registry.search(search, 3)) std::printf(" %u", found.slot);
  std::printf("\n");
  auto day = make<haoyuan_day_t>();
  day.at = search.at;
  day.day = search.first_day;
  std::uint32_t live = 0, seats = 0;
  const auto loads = registry.load(day);
  for (const auto &load : loads) live += load.live, seats += load.capacity;
  std::printf("load: %u of %u seats in %zu slots\n", live, seats, loads.size());

  const auto audit = registry.execute(R"({"command":"audit","at":"2026-03-03T07:06:00+08:00"})");
  std::printf("audit: %s\n", audit.find("\"sound\":true") != std::string::npos ? "sound" : "broken");
  std::printf("state_hash ");
  for (auto byte : registry.state_hash()) std::printf("%02x", byte);
  std::printf("\n");
  registry.close();
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::cerr << "usage: morning SCRIPT\n";
    return 2;
  }
  try {
    morning(argv[1]);
  } catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
