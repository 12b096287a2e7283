// The dates of -expiresBefore, checked with the errors of Go's time.Parse.
#include <chrono>

#include "cli/go_text.h"

namespace signet::cli {
namespace {

constexpr std::string_view kLayout = "2006-01-02 15:04:05 -0700 -07";

// One part of the layout: what stands before it, and digits, after a sign for a zone.
struct Part {
  std::string_view before;
  std::string_view layout;
  int low, high;
  const char* range_name;
};
constexpr Part kParts[] = {
    {"", "2006", 0, 9999, ""},   {"-", "01", 1, 12, "month"},  {"-", "02", 0, 99, ""},
    {" ", "15", 0, 23, "hour"},  {":", "04", 0, 59, "minute"}, {":", "05", 0, 59, "second"},
    {" ", "-0700", 0, 2499, ""}, {" ", "-07", 0, 24, ""},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t digits_at(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  return n;
}

int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

// Takes the text in front of a part off `rest`; a blank of the layout stands for any number.
bool skip_before(std::string_view before, std::string_view& rest) {
  if (before == " ") {
    if (!rest.empty() && rest[0] != ' ') return false;
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    return true;
  }
  if (!rest.starts_with(before)) return false;
  rest.remove_prefix(before.size());
  return true;
}

const char* zone_problem(std::string_view zone_digits) {
  if (number(zone_digits.substr(0, 2)) > 24) return "time zone offset hour";
  if (zone_digits.size() == 4 && number(zone_digits.substr(2)) > 60)
    return "time zone offset minute";
  return nullptr;
}

}  // namespace

Status check_agent_date(std::string_view text) {
  const std::string head = "parsing time " + go_quote(text);
  const auto cannot = [&](std::string_view rest, std::string_view as) {
    return Status::invalid_argument(head + " as " + go_quote(kLayout) + ": cannot parse " +
                                    go_quote(rest) + " as " + go_quote(as));
  };
  const auto out_of_range = [&](const char* what) {
    return Status::invalid_argument(head + ": " + what + " out of range");
  };
  std::string_view rest = text;
  int values[std::size(kParts)] = {};
  for (std::size_t i = 0; i < std::size(kParts); ++i) {
    const Part& part = kParts[i];
    if (!skip_before(part.before, rest)) return cannot(rest, part.before);
    const bool zone = part.layout[0] == '-';
    const std::string_view value = rest.substr(0, part.layout.size());
    const std::string_view digits = value.substr(zone && !value.empty() ? 1 : 0);
    if (value.size() < part.layout.size() || digits_at(digits) != digits.size() ||
        (zone && value[0] != '-' && value[0] != '+')) {
      return cannot(rest, part.layout);
    }
    rest.remove_prefix(value.size());
    values[i] = number(digits);
    if (zone) {
      if (const char* problem = zone_problem(digits)) return out_of_range(problem);
    } else if (values[i] < part.low || values[i] > part.high) {
      return out_of_range(part.range_name);
    }
    // A fraction may follow the seconds though the layout has none.
    if (part.layout == "05" && rest.size() > 1 && (rest[0] == '.' || rest[0] == ',') &&
        is_digit(rest[1])) {
      rest.remove_prefix(1 + digits_at(rest.substr(1)));
    }
  }
  if (!rest.empty()) return Status::invalid_argument(head + ": extra text: " + go_quote(rest));
  const std::chrono::year_month_day day{std::chrono::year(values[0]),
                                        std::chrono::month(static_cast<unsigned>(values[1])),
                                        std::chrono::day(static_cast<unsigned>(values[2]))};
  if (!day.ok()) return out_of_range("day");
  return {};
}

}  // namespace signet::cli
