// Texts as SPIRE 1.15.3's "entry show" prints them.
#include "cli/print_entry.h"

#include <gtest/gtest.h>

namespace signet::server::cli {
namespace {

TEST(EntryText, ASmallEntryShowsWhatEveryEntryHas) {
  ::spire::api::types::Entry entry;
  entry.mutable_spiffe_id()->set_trust_domain("example.org");
  entry.mutable_spiffe_id()->set_path("/one");
  entry.mutable_parent_id()->set_trust_domain("example.org");
  entry.mutable_parent_id()->set_path("/host");
  auto* selector = entry.add_selectors();
  selector->set_type("unix");
  selector->set_value("uid:1");
  EXPECT_EQ(entry_text(entry),
            "Entry ID                : (none)\n"
            "SPIFFE ID               : spiffe://example.org/one\n"
            "Parent ID               : spiffe://example.org/host\n"
            "Revision                : 0\n"
            "X509-SVID TTL           : default\n"
            "JWT-SVID TTL            : default\n"
            "Selector                : unix:uid:1\n"
            "\n");
}

TEST(EntryText, AFullEntryShowsEverythingInOrder) {
  ::spire::api::types::Entry entry;
  entry.set_id("e3");
  entry.set_revision_number(7);
  entry.set_downstream(true);
  entry.set_x509_svid_ttl(600);
  entry.set_jwt_svid_ttl(60);
  entry.set_expires_at(4102444800);
  entry.add_federates_with("other.org");
  entry.add_dns_names("a.example.org");
  entry.set_admin(true);
  entry.set_store_svid(true);
  entry.set_hint("third");
  entry.mutable_additional_attributes()->set_disable_x509_svid_prefetch(true);
  entry.mutable_additional_attributes()->set_jwt_svid_include_jti(true);
  EXPECT_EQ(entry_text(entry),
            "Entry ID                : e3\n"
            "SPIFFE ID               : \n"
            "Parent ID               : \n"
            "Revision                : 7\n"
            "Downstream              : true\n"
            "X509-SVID TTL           : 600\n"
            "JWT-SVID TTL            : 60\n"
            "Expiration time         : 2100-01-01 00:00:00 +0000 UTC\n"
            "FederatesWith           : other.org\n"
            "DNS name                : a.example.org\n"
            "Admin                   : true\n"
            "StoreSvid               : true\n"
            "Hint                    : third\n"
            "DisableX509SvidPrefetch : true\n"
            "JwtSvidIncludeJti       : true\n"
            "\n");
}

}  // namespace
}  // namespace signet::server::cli
