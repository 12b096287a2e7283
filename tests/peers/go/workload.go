package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type svidView struct {
	ID        string    `json:"spiffe_id"`
	Hint      string    `json:"hint"`
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	ChainLen  int       `json:"chain_len"`
	DNS       []string  `json:"dns_names"`
	Leaf      string    `json:"leaf"` // base64 of DER
}

func viewSVIDs(svids []*x509svid.SVID) []svidView {
	out := make([]svidView, 0, len(svids))
	for _, s := range svids {
		c := s.Certificates[0]
		out = append(out, svidView{s.ID.String(), s.Hint, c.SerialNumber.String(), c.NotBefore, c.NotAfter,
			len(s.Certificates), c.DNSNames, base64.StdEncoding.EncodeToString(c.Raw)})
	}
	return out
}

// failure is how an error is printed: the gRPC code by name, and the text.
func failure(err error) map[string]any {
	// go-spiffe wraps a gRPC status; FromError unwraps it.
	st, _ := status.FromError(err)
	return map[string]any{"time": time.Now(), "code": st.Code().String(), "error": err.Error(), "message": st.Message()}
}

func flags(name string) (*flag.FlagSet, *string, *time.Duration) {
	fs := flag.NewFlagSet(name, flag.ExitOnError)
	socket := fs.String("socket", "", "Workload API socket path")
	timeout := fs.Duration("timeout", 10*time.Second, "limit for the whole call")
	return fs, socket, timeout
}

func open(ctx context.Context, socket string) (*workloadapi.Client, error) {
	return workloadapi.New(ctx, workloadapi.WithAddr("unix://"+socket))
}

func fetchX509(ctx context.Context, args []string) error {
	fs, socket, timeout := flags("fetch-x509")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	c, err := open(ctx, *socket)
	if err != nil {
		return err
	}
	defer c.Close()
	x, err := c.FetchX509Context(ctx)
	if err != nil {
		emit(failure(err))
		return err
	}
	// The chain is verified as a peer would do it, with the bundle that came along.
	for _, s := range x.SVIDs {
		if _, _, err := x509svid.Verify(s.Certificates, x.Bundles); err != nil {
			return fmt.Errorf("%s: %w", s.ID, err)
		}
	}
	bundles := map[string]int{}
	for _, b := range x.Bundles.Bundles() {
		bundles[b.TrustDomain().String()] = len(b.X509Authorities())
	}
	emit(map[string]any{"svids": viewSVIDs(x.SVIDs), "bundles": bundles})
	return nil
}

type watcher struct {
	seen func(*workloadapi.X509Context)
}

func (w watcher) OnX509ContextUpdate(x *workloadapi.X509Context) { w.seen(x) }
func (w watcher) OnX509ContextWatchError(err error)              { emit(failure(err)) }

func watchX509(ctx context.Context, args []string) error {
	fs, socket, timeout := flags("watch-x509")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	c, err := open(ctx, *socket)
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.WatchX509Context(ctx, watcher{func(x *workloadapi.X509Context) {
		emit(map[string]any{"time": time.Now(), "svids": viewSVIDs(x.SVIDs)})
	}})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Many streams, each on a connection of its own: a line for the first update or refusal of each.
func watchMany(ctx context.Context, args []string) error {
	fs, socket, timeout := flags("watch-many")
	count := fs.Int("count", 50, "streams")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	var wg sync.WaitGroup
	for n := range *count {
		c, err := open(ctx, *socket)
		if err != nil {
			return err
		}
		defer c.Close()
		wg.Go(func() {
			once, stop := context.WithCancel(ctx)
			defer stop()
			c.WatchX509Context(once, &first{n: n, stop: stop})
		})
	}
	emit(map[string]any{"open": *count})
	wg.Wait()
	return nil
}

type first struct {
	n    int
	stop func()
	told bool
}

func (f *first) OnX509ContextUpdate(x *workloadapi.X509Context) {
	f.tell(map[string]any{"stream": f.n, "time": time.Now(), "svids": viewSVIDs(x.SVIDs)})
}

func (f *first) OnX509ContextWatchError(err error) {
	line := failure(err)
	line["stream"], line["time"] = f.n, time.Now()
	f.tell(line)
}

func (f *first) tell(line map[string]any) {
	if !f.told {
		f.told = true
		emit(line)
		f.stop()
	}
}

func fetchJWT(ctx context.Context, args []string) error {
	fs, socket, timeout := flags("fetch-jwt")
	audience := fs.String("audience", "", "comma-separated")
	id := fs.String("spiffe-id", "", "only this identity")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	c, err := open(ctx, *socket)
	if err != nil {
		return err
	}
	defer c.Close()
	all := strings.Split(*audience, ",")
	params := jwtsvid.Params{Audience: all[0], ExtraAudiences: all[1:]}
	if *id != "" {
		if params.Subject, err = spiffeid.FromString(*id); err != nil {
			return err
		}
	}
	svids, err := c.FetchJWTSVIDs(ctx, params)
	if err != nil {
		emit(failure(err))
		return err
	}
	bundles, err := c.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	var out []map[string]any
	for _, s := range svids {
		// go-spiffe judges the signature with the bundle it was given.
		if _, err := jwtsvid.ParseAndValidate(s.Marshal(), bundles, s.Audience); err != nil {
			return err
		}
		out = append(out, map[string]any{"spiffe_id": s.ID.String(), "hint": s.Hint, "audience": s.Audience,
			"expiry": s.Expiry, "token": s.Marshal(), "claims": s.Claims})
	}
	emit(map[string]any{"svids": out})
	return nil
}

func validateJWT(ctx context.Context, args []string) error {
	fs, socket, timeout := flags("validate-jwt")
	audience := fs.String("audience", "", "expected audience")
	token := fs.String("token", "", "the token")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	c, err := open(ctx, *socket)
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.ValidateJWTSVID(ctx, *token, *audience)
	if err != nil {
		emit(failure(err))
		return err
	}
	emit(map[string]any{"spiffe_id": s.ID.String(), "claims": s.Claims})
	return nil
}

func fetchBundles(ctx context.Context, args []string) error {
	fs, socket, timeout := flags("fetch-bundles")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	c, err := open(ctx, *socket)
	if err != nil {
		return err
	}
	defer c.Close()
	x, err := c.FetchX509Bundles(ctx)
	if err != nil {
		emit(failure(err))
		return err
	}
	j, err := c.FetchJWTBundles(ctx)
	if err != nil {
		emit(failure(err))
		return err
	}
	x509s, jwts := map[string][]string{}, map[string][]string{}
	for _, b := range x.Bundles() {
		x509s[b.TrustDomain().IDString()] = serials(b.X509Authorities())
	}
	for _, b := range j.Bundles() {
		ids := []string{}
		for id := range b.JWTAuthorities() {
			ids = append(ids, id)
		}
		jwts[b.TrustDomain().IDString()] = ids
	}
	emit(map[string]any{"x509": x509s, "jwt": jwts})
	return nil
}

func serials(certs []*x509.Certificate) []string {
	out := []string{}
	for _, c := range certs {
		out = append(out, c.SerialNumber.String())
	}
	return out
}

// raw makes one call on the generated client, so that what go-spiffe would never send can be sent.
func raw(ctx context.Context, args []string) error {
	fs, socket, timeout := flags("raw")
	method := fs.String("method", "FetchX509SVID", "method of SpiffeWorkloadAPI")
	noHeader := fs.Bool("no-header", false, "leave the security header out")
	header := fs.String("header", "true", "value of the security header")
	audience := fs.String("audience", "", "comma-separated")
	id := fs.String("spiffe-id", "", "for FetchJWTSVID")
	token := fs.String("token", "", "for ValidateJWTSVID")
	pad := fs.Int("pad", 0, "add an audience of so many bytes")
	streams := fs.Int("streams", 1, "so many calls at once, each on its own connection")
	stay := fs.Bool("stay", false, "keep the streams open and print each message until they end")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if !*noHeader {
		ctx = metadata.AppendToOutgoingContext(ctx, "workload.spiffe.io", *header)
	}
	var audiences []string
	if *audience != "" {
		audiences = strings.Split(*audience, ",")
	}
	if *pad > 0 {
		audiences = append(audiences, strings.Repeat("a", *pad))
	}
	done := make(chan struct{})
	for range *streams {
		go func() {
			defer func() { done <- struct{}{} }()
			cc, err := grpc.NewClient("unix:"+*socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				emit(failure(err))
				return
			}
			defer cc.Close()
			count, err := rawCall(ctx, workload.NewSpiffeWorkloadAPIClient(cc), *method, audiences, *id, *token, *stay)
			st, _ := status.FromError(err)
			emit(map[string]any{"time": time.Now(), "code": st.Code().String(), "message": st.Message(), "messages": count})
		}()
	}
	for range *streams {
		<-done
	}
	return nil
}

func rawCall(ctx context.Context, w workload.SpiffeWorkloadAPIClient, method string, audience []string, id, token string, stay bool) (int, error) {
	switch method {
	case "FetchX509SVID":
		return drain(stay, func() (grpc.ServerStreamingClient[workload.X509SVIDResponse], error) {
			return w.FetchX509SVID(ctx, &workload.X509SVIDRequest{})
		}, func(m *workload.X509SVIDResponse) any { return len(m.Svids) })
	case "FetchX509Bundles":
		return drain(stay, func() (grpc.ServerStreamingClient[workload.X509BundlesResponse], error) {
			return w.FetchX509Bundles(ctx, &workload.X509BundlesRequest{})
		}, func(m *workload.X509BundlesResponse) any { return len(m.Bundles) })
	case "FetchJWTBundles":
		return drain(stay, func() (grpc.ServerStreamingClient[workload.JWTBundlesResponse], error) {
			return w.FetchJWTBundles(ctx, &workload.JWTBundlesRequest{})
		}, func(m *workload.JWTBundlesResponse) any { return len(m.Bundles) })
	case "FetchJWTSVID":
		r, err := w.FetchJWTSVID(ctx, &workload.JWTSVIDRequest{Audience: audience, SpiffeId: id})
		if err != nil {
			return 0, err
		}
		for _, s := range r.Svids {
			emit(map[string]any{"spiffe_id": s.SpiffeId, "hint": s.Hint, "token": s.Svid})
		}
		return 1, nil
	case "ValidateJWTSVID":
		a := ""
		if len(audience) > 0 {
			a = audience[0]
		}
		r, err := w.ValidateJWTSVID(ctx, &workload.ValidateJWTSVIDRequest{Audience: a, Svid: token})
		if err != nil {
			return 0, err
		}
		emit(map[string]any{"spiffe_id": r.SpiffeId, "claims": r.Claims.AsMap()})
		return 1, nil
	case "FetchWITSVID":
		s, err := w.FetchWITSVID(ctx, &workload.WITSVIDRequest{})
		if err == nil {
			_, err = s.Recv()
		}
		return 0, err
	}
	fmt.Fprintln(os.Stderr, "no method", method)
	return 0, status.Error(codes.Unimplemented, "not known to the probe")
}

// drain reads one message, or all of them with `stay`, and returns how many came before the end.
func drain[T any](stay bool, start func() (grpc.ServerStreamingClient[T], error), view func(*T) any) (int, error) {
	s, err := start()
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		m, err := s.Recv()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if !stay {
			return n + 1, nil
		}
		emit(map[string]any{"time": time.Now(), "items": view(m)})
	}
}
