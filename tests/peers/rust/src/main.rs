//! A Workload API client on the crate `spiffe`: spiffe-rust fetch AUDIENCE. SPIFFE_ENDPOINT_SOCKET names the agent.
//!
//! It prints what it got, a line each; tests/interop/workload/clients_test.py reads them.
use spiffe::{JwtSvid, WorkloadApiClient};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let audience = std::env::args().nth(2).ok_or("usage: spiffe-rust fetch AUDIENCE")?;
    let client = WorkloadApiClient::connect_env().await?;
    for svid in client.fetch_all_x509_svids().await? {
        println!("x509 {} chain={}", svid.spiffe_id(), svid.cert_chain().len());
    }
    for (td, bundle) in client.fetch_x509_bundles().await?.iter() {
        println!("x509-bundle {td} authorities={}", bundle.authorities().len());
    }
    let bundles = client.fetch_jwt_bundles().await?;
    for (td, bundle) in bundles.iter() {
        println!("jwt-bundle {td} keys={}", bundle.jwt_authorities().count());
    }
    let mine = client.fetch_jwt_svid([&audience], None).await?;
    println!("jwt {}", mine.spiffe_id());
    let here = JwtSvid::parse_and_validate(mine.token(), &bundles, &[audience.as_str()])?;
    println!("jwt-verified-here {}", here.spiffe_id());
    let agent = client.validate_jwt_token(&audience, mine.token()).await?;
    println!("jwt-verified-by-agent {}", agent.spiffe_id());
    Ok(())
}
