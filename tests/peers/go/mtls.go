package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// tally counts handshakes and remembers which certificates were seen, so that a test can tell that
// a rotation went by while connections were made.
type tally struct {
	mu     sync.Mutex
	OK     int            `json:"ok"`
	Failed int            `json:"failed"`
	First  string         `json:"first_error,omitempty"`
	Peers  map[string]int `json:"peers"`        // handshakes by the peer's SPIFFE ID
	Theirs map[string]int `json:"peer_serials"` // and by its certificate
	Ours   map[string]int `json:"own_serials"`
}

func newTally() *tally {
	return &tally{Peers: map[string]int{}, Theirs: map[string]int{}, Ours: map[string]int{}}
}

func (t *tally) add(peer *x509.Certificate, own string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.Failed++
		if t.First == "" {
			t.First = fmt.Sprintf("%s: %v", time.Now().Format(time.RFC3339Nano), err)
		}
		return
	}
	t.OK++
	t.Peers[peer.URIs[0].String()]++
	t.Theirs[peer.SerialNumber.String()]++
	t.Ours[own]++
}

func (t *tally) print() {
	t.mu.Lock()
	defer t.mu.Unlock()
	emit(t)
}

// authorizer reads `any`, `td:NAME` or a SPIFFE ID.
func authorizer(rule string) (tlsconfig.Authorizer, error) {
	if rule == "any" {
		return tlsconfig.AuthorizeAny(), nil
	}
	if name, ok := strings.CutPrefix(rule, "td:"); ok {
		td, err := spiffeid.TrustDomainFromString(name)
		return tlsconfig.AuthorizeMemberOf(td), err
	}
	id, err := spiffeid.FromString(rule)
	return tlsconfig.AuthorizeID(id), err
}

func mtlsFlags(name string) (fs *flag.FlagSet, socket, rule *string, duration *time.Duration, report *bool) {
	fs = flag.NewFlagSet(name, flag.ExitOnError)
	socket = fs.String("socket", "", "Workload API socket path")
	rule = fs.String("authorize", "any", "any, td:NAME or a SPIFFE ID")
	duration = fs.Duration("duration", time.Hour, "how long to run")
	report = fs.Bool("report", false, "print {\"own_serial\": S} whenever the source has another certificate")
	return
}

func source(ctx context.Context, socket string) (*workloadapi.X509Source, error) {
	return workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr("unix://"+socket)))
}

func ownSerial(s *workloadapi.X509Source) string {
	svid, err := s.GetX509SVID()
	if err != nil {
		return "none"
	}
	return svid.Certificates[0].SerialNumber.String()
}

// reportSerials tells a test what this process presents from now on, which can be later than what
// another process is given.
func reportSerials(ctx context.Context, s *workloadapi.X509Source) {
	last := ownSerial(s)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.Updated():
		}
		if now := ownSerial(s); now != last && ctx.Err() == nil {
			last = now
			emit(map[string]string{"own_serial": now})
		}
	}
}

// exchange4 bytes go each way on every connection, as our own C++ program does it.
const exchange4 = 4

// mtlsServer prints {"listening": ADDRESS} when ready, answers what it reads with the same, and prints its
// tally when the time is over or it is told to stop.
func mtlsServer(ctx context.Context, args []string) error {
	fs, socket, rule, duration, report := mtlsFlags("mtls-server")
	listen := fs.String("listen", "127.0.0.1:0", "address")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *duration)
	defer cancel()
	allow, err := authorizer(*rule)
	if err != nil {
		return err
	}
	s, err := source(ctx, *socket)
	if err != nil {
		return err
	}
	defer s.Close()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	emit(map[string]string{"listening": l.Addr().String()})
	context.AfterFunc(ctx, func() { l.Close() })
	if *report {
		go reportSerials(ctx, s)
	}
	t := newTally()
	defer t.print()
	config := tlsconfig.MTLSServerConfig(s, s, allow)
	for {
		c, err := l.Accept()
		if err != nil {
			return nil
		}
		go func() {
			defer c.Close()
			c.SetDeadline(time.Now().Add(5 * time.Second))
			own := ownSerial(s)
			conn := tls.Server(c, config)
			if err := conn.Handshake(); err != nil {
				t.add(nil, "", err)
				return
			}
			b := make([]byte, exchange4)
			if _, err := io.ReadFull(conn, b); err == nil {
				conn.Write(b)
			}
			t.add(conn.ConnectionState().PeerCertificates[0], own, nil)
		}()
	}
}

// mtlsClient makes a new connection for each handshake, `-rate` a second, and sends some bytes both
// ways: with TLS 1.3 the client's certificate is judged only after its side of the handshake ends.
func mtlsClient(ctx context.Context, args []string) error {
	fs, socket, rule, duration, report := mtlsFlags("mtls-client")
	addr := fs.String("addr", "", "server")
	rate := fs.Int("rate", 20, "handshakes a second")
	count := fs.Int("count", 0, "stop after so many; 0 = by time")
	fs.Parse(args)
	allow, err := authorizer(*rule)
	if err != nil {
		return err
	}
	wait, cancelWait := context.WithTimeout(ctx, 10*time.Second)
	defer cancelWait()
	s, err := source(wait, *socket)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, *duration)
	defer cancel()
	if *report {
		go reportSerials(ctx, s)
	}
	t := newTally()
	config := tlsconfig.MTLSClientConfig(s, s, allow)
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(*rate))
	defer tick.Stop()
	for n := 0; *count == 0 || n < *count; n++ {
		select {
		case <-ctx.Done():
			wg.Wait()
			t.print()
			return nil
		case <-tick.C:
		}
		wg.Go(func() {
			own := ownSerial(s)
			d := net.Dialer{Timeout: 5 * time.Second}
			c, err := d.Dial("tcp", *addr)
			if err != nil {
				t.add(nil, "", err)
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(5 * time.Second))
			conn := tls.Client(c, config)
			if err = conn.Handshake(); err == nil {
				b := make([]byte, exchange4)
				if _, err = conn.Write(b); err == nil {
					_, err = io.ReadFull(conn, b)
				}
			}
			if err != nil {
				t.add(nil, "", err)
				return
			}
			t.add(conn.ConnectionState().PeerCertificates[0], own, nil)
		})
	}
	wg.Wait()
	t.print()
	return nil
}
