// SpireFixture: the tables of a SPIRE server, as its schemas 23 to 25 have them.
// Source: docs/spire-compatibility.md, "SPIRE's database"; the interop tests use real ones.
#pragma once

#include <string>
#include <string_view>

#include "sql.h"

namespace signet::datastore_sql {

/// Statements that make them, empty but for the version.
inline std::string spire_tables(sql::Dialect dialect, int schema) {
  std::string text = R"sql(
CREATE TABLE bundles ({base}, trust_domain {text} NOT NULL, data {blob});
CREATE TABLE attested_node_entries ({base}, spiffe_id {text}, data_type {text},
  serial_number {text}, expires_at {time}, new_serial_number {text}, new_expires_at {time},
  can_reattest {bool}{agent_version});
CREATE TABLE attested_node_entries_events ({base}, spiffe_id {text});
CREATE TABLE node_resolver_map_entries ({base}, spiffe_id {text}, type {text}, value {text});
CREATE TABLE registered_entries ({base}, entry_id {text}, spiffe_id {text}, parent_id {text},
  ttl integer, admin {bool}, downstream {bool}, expiry bigint, revision_number bigint,
  store_svid {bool}, hint {text}, jwt_svid_ttl integer{additional_attributes});
CREATE TABLE registered_entries_events ({base}, entry_id {text});
CREATE TABLE join_tokens ({base}, token {text}, expiry bigint);
CREATE TABLE selectors ({base}, registered_entry_id integer, type {text}, value {text});
CREATE TABLE migrations ({base}, version integer, code_version {text});
CREATE TABLE dns_names ({base}, registered_entry_id integer, value {text});
CREATE UNIQUE INDEX idx_dns_entry ON dns_names (registered_entry_id, value);
CREATE UNIQUE INDEX idx_selector_entry ON selectors (registered_entry_id, type, value);
CREATE TABLE federated_registration_entries (bundle_id integer, registered_entry_id integer,
  PRIMARY KEY (bundle_id, registered_entry_id));
CREATE TABLE federated_trust_domains ({base}, trust_domain {text} NOT NULL,
  bundle_endpoint_url {text}, bundle_endpoint_profile {text}, endpoint_spiffe_id {text},
  implicit {bool});
CREATE TABLE ca_journals ({base}, data {blob}, active_x509_authority_id {text},
  active_jwt_authority_id {text});
)sql";
  const bool postgres = dialect == sql::Dialect::kPostgres;
  const auto put = [&](std::string_view word, std::string_view spelt) {
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos;) {
      text.replace(at, word.size(), spelt);
      at += spelt.size();
    }
  };
  put("{agent_version}", schema >= 24 ? ", agent_version {text}" : "");
  put("{additional_attributes}", schema >= 25 ? ", additional_attributes {blob}" : "");
  put("{base}", postgres ? "id serial PRIMARY KEY, created_at {time}, updated_at {time}"
                         : "id integer PRIMARY KEY AUTOINCREMENT, created_at {time}, "
                           "updated_at {time}");
  put("{text}", postgres ? "text" : "varchar(255)");
  put("{time}", postgres ? "timestamp with time zone" : "datetime");
  put("{blob}", postgres ? "bytea" : "blob");
  put("{bool}", postgres ? "boolean" : "bool");
  return text + "INSERT INTO migrations (version, code_version) VALUES (" + std::to_string(schema) +
         ", '1.15.3');\n";
}

/// Bytes as a literal.
inline std::string spire_blob(sql::Dialect dialect, std::string_view hex) {
  return dialect == sql::Dialect::kPostgres ? "'\\x" + std::string(hex) + "'::bytea"
                                            : "X'" + std::string(hex) + "'";
}

}  // namespace signet::datastore_sql
