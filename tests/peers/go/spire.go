package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/agent/debug/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/agent/delegatedidentity/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/agent/logger/v1"
	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/debug/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/localauthority/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/logger/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/svid/v1"
	_ "github.com/spiffe/spire-api-sdk/proto/spire/api/server/trustdomain/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// dialer's flags choose between a Unix socket and TCP with TLS, with or without a certificate.
type dialer struct{ socket, addr, dir *string }

func dialFlags(fs *flag.FlagSet) dialer {
	return dialer{fs.String("socket", "", "Unix socket"), fs.String("addr", "", "TCP address, with TLS"),
		fs.String("dir", "", "folder of svid.pem and key.pem, as `join` writes them")}
}

func (d dialer) dial() (*grpc.ClientConn, error) {
	if *d.socket != "" {
		return grpc.NewClient("unix:"+*d.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	// Whose server it is does not matter to these tests, what it answers does.
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	if *d.dir != "" {
		c, err := tls.LoadX509KeyPair(filepath.Join(*d.dir, "svid.pem"), filepath.Join(*d.dir, "key.pem"))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{c}
	}
	return grpc.NewClient(*d.addr, grpc.WithTransportCredentials(credentials.NewTLS(config)))
}

// call sends JSON requests (one, or several one a line for a client stream) and prints each answer
// and at the end {"code", "message", "messages", "seconds"}.
func call(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("call", flag.ExitOnError)
	d := dialFlags(fs)
	method := fs.String("method", "", "spire.api.server.entry.v1.Entry/ListEntries and the like")
	header := fs.String("header", "", "metadata NAME=VALUE")
	request := fs.String("request", "", "request in JSON, instead of standard input")
	timeout := fs.Duration("timeout", 30*time.Second, "limit")
	repeat := fs.Int("repeat", 1, "send the call so many times, one after another")
	quiet := fs.Bool("quiet", false, "leave the answers out")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if name, value, ok := strings.Cut(*header, "="); ok {
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	service, name, _ := strings.Cut(*method, "/")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return err
	}
	desc := found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name))
	if desc == nil {
		return fmt.Errorf("%s has no method %s", service, name)
	}
	input := []byte(*request)
	if *request == "" {
		if input, err = io.ReadAll(os.Stdin); err != nil {
			return err
		}
	}
	var requests []proto.Message
	lines := []string{string(input)}
	if desc.IsStreamingClient() {
		lines = strings.Split(strings.TrimSpace(string(input)), "\n")
	}
	for _, line := range lines {
		m := dynamicpb.NewMessage(desc.Input())
		if strings.TrimSpace(line) != "" {
			if err := protojson.Unmarshal([]byte(line), m); err != nil {
				return err
			}
		}
		requests = append(requests, m)
	}
	cc, err := d.dial()
	if err != nil {
		return err
	}
	defer cc.Close()
	for range *repeat {
		start := time.Now()
		n, err := exchange(ctx, cc, desc, "/"+*method, requests, *quiet)
		st, _ := status.FromError(err)
		emit(map[string]any{"code": st.Code().String(), "message": st.Message(), "messages": n,
			"seconds": time.Since(start).Seconds(), "details": details(st)})
	}
	return nil
}

// What a status has beside its words, each as its type and JSON.
func details(st *status.Status) []string {
	out := []string{}
	for _, d := range st.Details() {
		m, ok := d.(proto.Message)
		if !ok {
			out = append(out, fmt.Sprint(d))
			continue
		}
		out = append(out, string(m.ProtoReflect().Descriptor().FullName())+" "+
			strings.ReplaceAll(protojson.Format(m), "  ", " "))
	}
	return out
}

func exchange(ctx context.Context, cc *grpc.ClientConn, desc protoreflect.MethodDescriptor, path string, requests []proto.Message, quiet bool) (int, error) {
	shape := &grpc.StreamDesc{ClientStreams: desc.IsStreamingClient(), ServerStreams: desc.IsStreamingServer()}
	s, err := cc.NewStream(ctx, shape, path, grpc.MaxCallRecvMsgSize(64<<20))
	if err != nil {
		return 0, err
	}
	for _, r := range requests {
		if err := s.SendMsg(r); err != nil && !errors.Is(err, io.EOF) { // EOF: RecvMsg has the reason
			return 0, err
		}
	}
	if err := s.CloseSend(); err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		m := dynamicpb.NewMessage(desc.Output())
		if err := s.RecvMsg(m); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		if !quiet {
			b, err := protojson.Marshal(m)
			if err != nil {
				return n, err
			}
			printing.Lock()
			fmt.Printf("{\"answer\":%s}\n", b)
			printing.Unlock()
		}
		if !desc.IsStreamingServer() {
			return n + 1, nil
		}
	}
}

// join attests with a join token, as an agent would, and leaves the identity in files for `call`.
func join(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("join", flag.ExitOnError)
	addr := fs.String("addr", "", "server")
	token := fs.String("token", "", "join token")
	dir := fs.String("dir", ".", "where svid.pem and key.pem go")
	timeout := fs.Duration("timeout", 30*time.Second, "limit")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	none := ""
	cc, err := dialer{&none, addr, &none}.dial()
	if err != nil {
		return err
	}
	defer cc.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return err
	}
	s, err := agentv1.NewAgentClient(cc).AttestAgent(ctx)
	if err != nil {
		return err
	}
	err = s.Send(&agentv1.AttestAgentRequest{Step: &agentv1.AttestAgentRequest_Params_{Params: &agentv1.AttestAgentRequest_Params{
		Data:   &types.AttestationData{Type: "join_token", Payload: []byte(*token)},
		Params: &agentv1.AgentX509SVIDParams{Csr: request},
	}}})
	if err != nil {
		return err
	}
	r, err := s.Recv()
	if err != nil {
		emit(failure(err))
		return err
	}
	svid := r.GetResult().GetSvid()
	var chain []byte
	for _, der := range svid.CertChain {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(*dir, "svid.pem"), chain, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(*dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return err
	}
	emit(map[string]any{"spiffe_id": "spiffe://" + svid.Id.TrustDomain + svid.Id.Path, "expires_at": svid.ExpiresAt,
		"reattestable": r.GetResult().Reattestable})
	return nil
}

// newKey makes a key of a kind that a request may or may not have.
func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa1024":
		return rsa.GenerateKey(rand.Reader, 1024)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("no key kind %q", kind)
}

// csr prints a certificate request with a SPIFFE ID in it, or a broken one.
func csr(_ context.Context, args []string) error {
	fs := flag.NewFlagSet("csr", flag.ExitOnError)
	id := fs.String("spiffe-id", "", "URI name")
	fault := fs.String("fault", "", "signature, truncated, garbage")
	kind := fs.String("key", "p256", "p256, p384, p521, rsa2048, rsa1024, ed25519")
	dns := fs.String("dns", "", "DNS name")
	fs.Parse(args)
	key, err := newKey(*kind)
	if err != nil {
		return err
	}
	template := &x509.CertificateRequest{}
	if *id != "" {
		u, err := url.Parse(*id)
		if err != nil {
			return err
		}
		template.URIs = []*url.URL{u}
	}
	if *dns != "" {
		template.DNSNames = []string{*dns}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return err
	}
	switch *fault {
	case "signature":
		der[len(der)-5] ^= 1
	case "truncated":
		der = der[:len(der)/2]
	case "garbage":
		rand.Read(der)
	}
	emit(map[string]string{"csr": base64.StdEncoding.EncodeToString(der)})
	return nil
}
