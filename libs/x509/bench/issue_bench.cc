// How much of an X509-SVID's cost is not cryptography: a CSR parsed and verified and an SVID
// issued, against one raw P-256 verification and one raw signature on the same machine.
//
//   x509-bench            prints the table of Google Benchmark and, last, the ratio
#include <chrono>
#include <cstdio>
#include <time.h>

#include <benchmark/benchmark.h>

#include "x509/csr.h"
#include "x509/svid_issuer.h"

namespace {

using namespace signet;  // NOLINT: a program, not a header

struct Fixture {
  crypto::PrivateKey workload = crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value();
  std::shared_ptr<const crypto::Signer> ca_key = std::make_shared<crypto::PrivateKeySigner>(
      crypto::PrivateKey::generate(crypto::KeyType::kEcP256).value());
  TrustDomain domain = TrustDomain::parse("example.org").value();
  x509::Time now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  x509::SvidIssuer issuer = make_issuer();
  crypto::Bytes csr = x509::create_csr({}, workload).value();
  crypto::Digest digest = crypto::sha256("message");
  crypto::Bytes signature = workload.sign(crypto::Hash::kSha256, digest).value();

  x509::SvidIssuer make_issuer() const {
    x509::CaParams params;
    params.now = now;
    return x509::SvidIssuer::make(x509::self_sign_ca(domain, params, *ca_key).value(), ca_key)
        .value();
  }
};

const Fixture& fixture() {
  static const Fixture kFixture;
  return kFixture;
}

void raw_verify_and_sign() {
  const Fixture& f = fixture();
  benchmark::DoNotOptimize(
      f.workload.public_key().verify(crypto::Hash::kSha256, f.digest, f.signature));
  benchmark::DoNotOptimize(f.workload.sign(crypto::Hash::kSha256, f.digest));
}

void issue() {
  const Fixture& f = fixture();
  const auto csr = x509::Csr::parse_and_verify(f.csr);
  x509::SvidParams params;
  params.spiffe_id = "spiffe://example.org/ns/shop/sa/cart";
  params.spki = csr->public_key().spki();
  params.now = f.now;
  benchmark::DoNotOptimize(f.issuer.issue(params));
}

void RawVerifyAndSign(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) raw_verify_and_sign();
}
BENCHMARK(RawVerifyAndSign);

void ParseVerifyIssue(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) issue();
}
BENCHMARK(ParseVerifyIssue);

void ParseCsr(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(x509::Csr::parse(fixture().csr));
}
BENCHMARK(ParseCsr);

void PrepareSvid(benchmark::State& state) {
  const Fixture& f = fixture();
  x509::SvidParams params;
  params.spiffe_id = "spiffe://example.org/ns/shop/sa/cart";
  params.spki = f.workload.public_key().spki();
  params.now = f.now;
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(f.issuer.prepare(params));
}
BENCHMARK(PrepareSvid);

// Both in turn and in CPU time, so that a busy machine slows both alike. Microseconds each.
void print_ratio() {
  constexpr int kRounds = 40;
  constexpr int kEach = 100;
  const auto cpu = [] {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
  };
  const auto timed = [&](auto body) {
    const double start = cpu();
    for (int i = 0; i < kEach; ++i) body();
    return (cpu() - start) / kEach;
  };
  double ideal = 1e9;
  double whole = 1e9;
  for (int i = 0; i < kRounds; ++i) {
    ideal = std::min(ideal, timed(raw_verify_and_sign));
    whole = std::min(whole, timed(issue));
  }
  std::printf("raw verify + sign %.1f us, parse + verify + issue %.1f us: %.1f %% of ideal\n",
              ideal, whole, 100 * ideal / whole);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  print_ratio();
  return 0;
}
