// The commands of "signet server", one function each: the exit code (cli/table.h).
#pragma once

#include "cli/table.h"

namespace signet::server::cli {

using signet::cli::Args;
using signet::cli::Context;

int run_server(Context&, const Args&);
int validate_config(Context&, const Args&);
int healthcheck(Context&, const Args&);
int generate_token(Context&, const Args&);
int explain_entry(Context&, const Args&);
int check_datastore(Context&, const Args&);
int migrate_datastore(Context&, const Args&);
int import_spire(Context&, const Args&);
int leave_trust_domain(Context&, const Args&);

int create_entry(Context&, const Args&);
int update_entry(Context&, const Args&);
int show_entries(Context&, const Args&);
int count_entries(Context&, const Args&);
int delete_entry(Context&, const Args&);

int list_agents(Context&, const Args&);
int count_agents(Context&, const Args&);
int show_agent(Context&, const Args&);
int ban_agent(Context&, const Args&);
int evict_agent(Context&, const Args&);
int purge_agents(Context&, const Args&);

int show_bundle(Context&, const Args&);
int list_bundles(Context&, const Args&);
int count_bundles(Context&, const Args&);
int set_bundle(Context&, const Args&);
int delete_bundle(Context&, const Args&);

int create_federation(Context&, const Args&);
int update_federation(Context&, const Args&);
int show_federation(Context&, const Args&);
int list_federation(Context&, const Args&);
int delete_federation(Context&, const Args&);
int refresh_federation(Context&, const Args&);
int show_federation_status(Context&, const Args&);

int mint_x509_svid(Context&, const Args&);
int mint_jwt_svid(Context&, const Args&);
int mint_wit_svid(Context&, const Args&);

int show_debug_info(Context&, const Args&);
int show_log_level(Context&, const Args&);
int set_log_level(Context&, const Args&);
int reset_log_level(Context&, const Args&);

int show_x509_authority(Context&, const Args&);
int prepare_x509_authority(Context&, const Args&);
int activate_x509_authority(Context&, const Args&);
int taint_x509_authority(Context&, const Args&);
int revoke_x509_authority(Context&, const Args&);
int show_jwt_authority(Context&, const Args&);
int prepare_jwt_authority(Context&, const Args&);
int activate_jwt_authority(Context&, const Args&);
int taint_jwt_authority(Context&, const Args&);
int revoke_jwt_authority(Context&, const Args&);
int show_wit_authority(Context&, const Args&);
int prepare_wit_authority(Context&, const Args&);
int activate_wit_authority(Context&, const Args&);
int taint_wit_authority(Context&, const Args&);
int revoke_wit_authority(Context&, const Args&);
int taint_upstream_authority(Context&, const Args&);
int revoke_upstream_authority(Context&, const Args&);

}  // namespace signet::server::cli
