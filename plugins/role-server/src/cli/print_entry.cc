#include "cli/print_entry.h"

#include "cli/admin_command.h"
#include "cli/go_text.h"

namespace signet::server::cli {
namespace {

std::string line(std::string name, const std::string& value) {
  constexpr std::size_t kColumn = 24;
  name.resize(std::max(name.size(), kColumn), ' ');
  return name + ": " + value + "\n";
}

std::string ttl_text(std::int32_t seconds) {
  return seconds == 0 ? "default" : std::to_string(seconds);
}

}  // namespace

std::string entry_text(const types::Entry& entry) {
  std::string text = line("Entry ID", entry.id().empty() ? "(none)" : entry.id()) +
                     line("SPIFFE ID", entry.has_spiffe_id() ? id_text(entry.spiffe_id()) : "") +
                     line("Parent ID", entry.has_parent_id() ? id_text(entry.parent_id()) : "") +
                     line("Revision", std::to_string(entry.revision_number()));
  if (entry.downstream()) text += line("Downstream", "true");
  text += line("X509-SVID TTL", ttl_text(entry.x509_svid_ttl()));
  text += line("JWT-SVID TTL", ttl_text(entry.jwt_svid_ttl()));
  if (entry.expires_at() != 0)
    text += line("Expiration time", signet::cli::go_time_utc(entry.expires_at()));
  for (const auto& selector : entry.selectors())
    text += line("Selector", selector.type() + ":" + selector.value());
  for (const auto& domain : entry.federates_with()) text += line("FederatesWith", domain);
  for (const auto& name : entry.dns_names()) text += line("DNS name", name);
  if (entry.admin()) text += line("Admin", "true");
  if (entry.store_svid()) text += line("StoreSvid", "true");
  if (!entry.hint().empty()) text += line("Hint", entry.hint());
  const auto& more = entry.additional_attributes();
  if (more.disable_x509_svid_prefetch()) text += line("DisableX509SvidPrefetch", "true");
  if (more.jwt_svid_include_jti()) text += line("JwtSvidIncludeJti", "true");
  return text + "\n";
}

}  // namespace signet::server::cli
