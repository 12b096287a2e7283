// Makes spire.json: certificates, requests, tokens and bundles as SPIRE 1.15.3's own packages and
// Go's standard library write them. Our tests rebuild or judge each and compare.
//
// Run it in a module of its own, since SPIRE's packages bring many others:
//
//	go mod init fixtures && go get github.com/spiffe/spire@v1.15.3 && go run . > ../spire.json
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"net/url"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/spire/pkg/common/bundleutil"
	"github.com/spiffe/spire/pkg/common/cryptoutil"
	"github.com/spiffe/spire/pkg/common/x509util"
	"github.com/spiffe/spire/pkg/server/credtemplate"
)

var (
	ctx = context.Background()
	td  = spiffeid.RequireTrustDomainFromString("example.org")
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func pkcs8(key any) []byte { return must(x509.MarshalPKCS8PrivateKey(key)) }

type family struct {
	CAKey      []byte            `json:"ca_key"`
	CA         []byte            `json:"ca"`
	Downstream []byte            `json:"downstream"`
	Key        []byte            `json:"key"`
	SVIDs      map[string][]byte `json:"svids"`
	AgentCSR   []byte            `json:"agent_csr"`
	SanCSR     []byte            `json:"san_csr"`
	Token      string            `json:"token"`
}

func makeFamily(caKey crypto.Signer, key crypto.Signer) (family, *x509.Certificate) {
	builder := must(credtemplate.NewBuilder(credtemplate.Config{
		TrustDomain: td,
		X509CATTL:   100 * 365 * 24 * time.Hour, // crosses 2050: GeneralizedTime
		X509SVIDTTL: time.Hour,
	}))
	caTemplate := must(builder.BuildSelfSignedX509CATemplate(ctx, credtemplate.SelfSignedX509CAParams{PublicKey: caKey.Public()}))
	ca := must(x509util.CreateCertificate(caTemplate, caTemplate, caKey.Public(), caKey))
	chain := []*x509.Certificate{ca}
	sign := func(template *x509.Certificate) []byte {
		return must(x509util.CreateCertificate(template, ca, template.PublicKey, caKey)).Raw
	}
	workload := func(subject pkix.Name, dns ...string) []byte {
		return sign(must(builder.BuildWorkloadX509SVIDTemplate(ctx, credtemplate.WorkloadX509SVIDParams{
			ParentChain: chain, PublicKey: key.Public(), DNSNames: dns, Subject: subject,
			SPIFFEID: spiffeid.RequireFromPath(td, "/ns/shop/sa/cart"),
		})))
	}
	f := family{CAKey: pkcs8(caKey), CA: ca.Raw, Key: pkcs8(key), SVIDs: map[string][]byte{}}
	f.Downstream = sign(must(builder.BuildDownstreamX509CATemplate(ctx, credtemplate.DownstreamX509CAParams{ParentChain: chain, PublicKey: key.Public()})))
	f.SVIDs["plain"] = workload(pkix.Name{})
	f.SVIDs["dns"] = workload(pkix.Name{}, "cart.example.org", "*.cart.example.org")
	f.SVIDs["subject"] = workload(mintSubject())
	f.SVIDs["agent"] = sign(must(builder.BuildAgentX509SVIDTemplate(ctx, credtemplate.AgentX509SVIDParams{
		ParentChain: chain, PublicKey: key.Public(), SPIFFEID: spiffeid.RequireFromPath(td, "/spire/agent/join_token/abc"),
	})))
	f.SVIDs["server"] = sign(must(builder.BuildServerX509SVIDTemplate(ctx, credtemplate.ServerX509SVIDParams{ParentChain: chain, PublicKey: key.Public()})))
	f.AgentCSR = must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: credtemplate.DefaultX509SVIDSubject(),
	}, key))
	f.SanCSR = must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  mintSubject(),
		DNSNames: []string{"cart.example.org"},
		URIs:     []*url.URL{must(url.Parse("spiffe://example.org/ns/shop/sa/cart"))},
	}, key))
	claims := must(builder.BuildWorkloadJWTSVIDClaims(ctx, credtemplate.WorkloadJWTSVIDParams{
		SPIFFEID: spiffeid.RequireFromPath(td, "/ns/shop/sa/cart"), Audience: []string{"db", "", "a<b>&c"},
		ExpirationCap: time.Now().Add(time.Hour), IncludeJTI: true,
	}))
	signer := must(jose.NewSigner(jose.SigningKey{
		Algorithm: must(cryptoutil.JoseAlgFromPublicKey(caKey.Public())),
		Key:       jose.JSONWebKey{Key: cryptosigner.Opaque(caKey), KeyID: "a-key"},
	}, new(jose.SignerOptions).WithType("JWT")))
	f.Token = must(jwt.Signed(signer).Claims(claims).Serialize())
	return f, ca
}

// Several values per attribute, out of order, with characters that PrintableString lacks.
func mintSubject() pkix.Name {
	return pkix.Name{
		Country: []string{"NL", "DE"}, Organization: []string{"Tëst & Co", "A*B"}, OrganizationalUnit: []string{"x@y"},
		Locality: []string{"L"}, Province: []string{"P"}, StreetAddress: []string{"S 1"}, PostalCode: []string{"12"},
		CommonName: "common name", SerialNumber: "77",
	}
}

func main() {
	out := map[string]any{}
	p256 := func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }
	p384 := func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) }
	rsa2048 := func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) }
	families := map[string]family{}
	bundle := spiffebundle.New(td)
	for name, keys := range map[string][2]crypto.Signer{
		"ec-p256": {p256(), p256()}, "ec-p384": {p384(), p256()}, "rsa-2048": {rsa2048(), rsa2048()},
	} {
		f, ca := makeFamily(keys[0], keys[1])
		families[name] = f
		if name == "ec-p256" {
			bundle.AddX509Authority(ca)
			if err := bundle.AddJWTAuthority("a&<key>", keys[0].Public()); err != nil {
				panic(err)
			}
		}
	}
	out["families"] = families
	bundle.SetRefreshHint(5 * time.Minute)
	bundle.SetSequenceNumber(18446744073709551615)
	out["bundle"] = string(must(bundleutil.Marshal(bundle)))
	out["jwks"] = string(must(bundleutil.Marshal(bundle, bundleutil.NoX509SVIDKeys(), bundleutil.NoWITSVIDKeys(), bundleutil.StandardJWKS())))
	out["empty_jwks"] = string(must(bundleutil.Marshal(spiffebundle.New(td), bundleutil.StandardJWKS())))
	names := map[string]bool{}
	long := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = 'a'
		}
		return string(b)
	}
	l63 := long(63)
	for _, name := range []string{
		"", " ", "a", "a.b", "A.b", "a_b.c", "-a.b", "a-.b", "a--b.c", "ab--c.d", "xn--a.b", "xn--bcher-kva.ch", "XN--bcher-kva.ch",
		"xn--bcher-kva", "xn--.b", "xn--a-.b", "xn--abc.d", "a..b", ".a", "a.", "*.a", "*.*.a", "*", "*.", "a.*", "a*.b", "*a.b", "1.2.3.4", "a b.c", "a/b.c",
		"a:b", "ä.b", l63 + ".b", l63 + "a.b", " a.b", "a.b ", "a\x00b", "*.a_b.c", "a.-b.c", "_a.b", "a!.b", "[::1]", "*. a",
		l63 + "." + l63 + "." + l63 + "." + long(61), l63 + "." + l63 + "." + l63 + "." + long(62), "*." + l63 + "." + l63 + "." + l63 + "." + long(61),
		"a\tb", "a@b.c", "a%b.c", "a,b", "a--.b", "0.b", "9a.b", "aa--a.b", "a.xn--bcher-kva.b",
	} {
		names[name] = x509util.ValidateLabel(name) == nil
	}
	out["dns_names"] = names
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(out); err != nil {
		panic(err)
	}
}
