// Object identifiers that certificates use, as the contents of a DER OID.
#pragma once

#include <cstdint>

namespace signet::x509::oid {

inline constexpr std::uint8_t kCommonName[] = {0x55, 0x04, 0x03};          // 2.5.4.3
inline constexpr std::uint8_t kSerialNumberRdn[] = {0x55, 0x04, 0x05};     // 2.5.4.5
inline constexpr std::uint8_t kCountry[] = {0x55, 0x04, 0x06};             // 2.5.4.6
inline constexpr std::uint8_t kLocality[] = {0x55, 0x04, 0x07};            // 2.5.4.7
inline constexpr std::uint8_t kProvince[] = {0x55, 0x04, 0x08};            // 2.5.4.8
inline constexpr std::uint8_t kStreetAddress[] = {0x55, 0x04, 0x09};       // 2.5.4.9
inline constexpr std::uint8_t kOrganization[] = {0x55, 0x04, 0x0a};        // 2.5.4.10
inline constexpr std::uint8_t kOrganizationalUnit[] = {0x55, 0x04, 0x0b};  // 2.5.4.11
inline constexpr std::uint8_t kPostalCode[] = {0x55, 0x04, 0x11};          // 2.5.4.17

inline constexpr std::uint8_t kSubjectKeyId[] = {0x55, 0x1d, 0x0e};          // 2.5.29.14
inline constexpr std::uint8_t kKeyUsage[] = {0x55, 0x1d, 0x0f};              // 2.5.29.15
inline constexpr std::uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};        // 2.5.29.17
inline constexpr std::uint8_t kBasicConstraints[] = {0x55, 0x1d, 0x13};      // 2.5.29.19
inline constexpr std::uint8_t kNameConstraints[] = {0x55, 0x1d, 0x1e};       // 2.5.29.30
inline constexpr std::uint8_t kCertificatePolicies[] = {0x55, 0x1d, 0x20};   // 2.5.29.32
inline constexpr std::uint8_t kAuthorityKeyId[] = {0x55, 0x1d, 0x23};        // 2.5.29.35
inline constexpr std::uint8_t kExtKeyUsage[] = {0x55, 0x1d, 0x25};           // 2.5.29.37
inline constexpr std::uint8_t kAnyExtKeyUsage[] = {0x55, 0x1d, 0x25, 0x00};  // 2.5.29.37.0
inline constexpr std::uint8_t kServerAuth[] = {0x2b, 0x06, 0x01, 0x05,
                                               0x05, 0x07, 0x03, 0x01};  // 1.3.6.1.5.5.7.3.1
inline constexpr std::uint8_t kClientAuth[] = {0x2b, 0x06, 0x01, 0x05,
                                               0x05, 0x07, 0x03, 0x02};  // 1.3.6.1.5.5.7.3.2
inline constexpr std::uint8_t kExtensionRequest[] = {
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e};  // 1.2.840.113549.1.9.14

inline constexpr std::uint8_t kEcdsaSha256[] = {0x2a, 0x86, 0x48, 0xce,
                                                0x3d, 0x04, 0x03, 0x02};  // 1.2.840.10045.4.3.2
inline constexpr std::uint8_t kEcdsaSha384[] = {0x2a, 0x86, 0x48, 0xce,
                                                0x3d, 0x04, 0x03, 0x03};  // 1.2.840.10045.4.3.3
inline constexpr std::uint8_t kEcdsaSha512[] = {0x2a, 0x86, 0x48, 0xce,
                                                0x3d, 0x04, 0x03, 0x04};  // 1.2.840.10045.4.3.4
inline constexpr std::uint8_t kRsaSha256[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                              0x0d, 0x01, 0x01, 0x0b};  // 1.2.840.113549.1.1.11
inline constexpr std::uint8_t kRsaSha384[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                              0x0d, 0x01, 0x01, 0x0c};  // 1.2.840.113549.1.1.12
inline constexpr std::uint8_t kRsaSha512[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                              0x0d, 0x01, 0x01, 0x0d};  // 1.2.840.113549.1.1.13
inline constexpr std::uint8_t kRsaPss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                           0x0d, 0x01, 0x01, 0x0a};  // 1.2.840.113549.1.1.10
inline constexpr std::uint8_t kMgf1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                         0x0d, 0x01, 0x01, 0x08};  // 1.2.840.113549.1.1.8
inline constexpr std::uint8_t kSha256[] = {0x60, 0x86, 0x48, 0x01, 0x65,
                                           0x03, 0x04, 0x02, 0x01};  // 2.16.840.1.101.3.4.2.1
inline constexpr std::uint8_t kSha384[] = {0x60, 0x86, 0x48, 0x01, 0x65,
                                           0x03, 0x04, 0x02, 0x02};  // 2.16.840.1.101.3.4.2.2
inline constexpr std::uint8_t kSha512[] = {0x60, 0x86, 0x48, 0x01, 0x65,
                                           0x03, 0x04, 0x02, 0x03};  // 2.16.840.1.101.3.4.2.3

}  // namespace signet::x509::oid
