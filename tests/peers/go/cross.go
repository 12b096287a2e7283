package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// place is one agent as its workload sees it: what it was given, and whom it believes.
type place struct {
	socket  string
	client  *workloadapi.Client
	bundles *workloadapi.BundleSource
	mu      sync.Mutex
	svids   []*x509svid.SVID
}

func (p *place) OnX509ContextUpdate(x *workloadapi.X509Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.svids = x.SVIDs
}
func (p *place) OnX509ContextWatchError(error) {}

func (p *place) current() []*x509svid.SVID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.svids
}

func newPlace(ctx context.Context, socket string) (*place, error) {
	p := &place{socket: socket}
	var err error
	if p.client, err = open(ctx, socket); err != nil {
		return nil, err
	}
	p.bundles, err = workloadapi.NewBundleSource(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr("unix://"+socket)))
	if err != nil {
		return nil, err
	}
	go p.client.WatchX509Context(ctx, p)
	return p, nil
}

type crossTally struct {
	mu sync.Mutex
	// Refused is what an agent did not issue, by code. Failed is what was issued and did not verify elsewhere.
	JWT, X509, Failed, Expired, Skipped int
	Refused                             map[string]int
}

func (t *crossTally) count(n *int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n++
}

func (t *crossTally) failed(from, at *place, what string, err error) {
	t.count(&t.Failed)
	emit(map[string]any{"time": time.Now(), "failed": what, "from": from.socket, "at": at.socket, "error": err.Error()})
}

func (t *crossTally) print() {
	t.mu.Lock()
	defer t.mu.Unlock()
	emit(map[string]any{"time": time.Now(), "jwt": t.JWT, "x509": t.X509, "failures": t.Failed, "expired": t.Expired,
		"skipped": t.Skipped, "refused": t.Refused})
}

// cross takes an SVID from one agent and verifies it with the bundle of another, `-rate` times a
// second: a JWT-SVID for an audience of its own, so that the server issues it now, and whatever
// X509-SVIDs the agent last gave. A line for each failure at once, the tally each second.
func cross(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("cross", flag.ExitOnError)
	sockets := fs.String("sockets", "", "Workload API sockets of at least two agents, with commas between")
	subject := fs.String("spiffe-id", "", "identity of the JWT-SVIDs")
	rate := fs.Int("rate", 200, "JWT-SVIDs a second")
	fs.Parse(args)
	id, err := spiffeid.FromString(*subject)
	if err != nil {
		return err
	}
	var places []*place
	for _, socket := range strings.Split(*sockets, ",") {
		p, err := newPlace(ctx, socket)
		if err != nil {
			return err
		}
		places = append(places, p)
	}
	if len(places) < 2 {
		return fmt.Errorf("two agents are needed")
	}
	t := &crossTally{Refused: map[string]int{}}
	slots := make(chan struct{}, 256) // an agent that is slow must not be drowned in calls
	begin := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			t.print()
			return nil
		case <-second.C:
			t.print()
		case <-tick.C:
		}
		for ; n < int(time.Since(begin).Seconds()*float64(*rate)); n++ { // what a late tick left out too
			from := rand.IntN(len(places))
			at := (from + 1 + rand.IntN(len(places)-1)) % len(places)
			select {
			case slots <- struct{}{}:
				go func() {
					defer func() { <-slots }()
					t.jwt(ctx, places[from], places[at], id, fmt.Sprintf("audience-%d", n))
					t.x509(places[from], places[at])
				}()
			default:
				t.count(&t.Skipped)
			}
		}
	}
}

func (t *crossTally) jwt(ctx context.Context, from, at *place, id spiffeid.ID, audience string) {
	limit, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	svid, err := from.client.FetchJWTSVID(limit, jwtsvid.Params{Audience: audience, Subject: id})
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		f := failure(err)
		t.mu.Lock()
		t.Refused[fmt.Sprint(f["code"])]++
		t.mu.Unlock()
		emit(map[string]any{"time": time.Now(), "refused": f["code"], "from": from.socket, "error": err.Error()})
		return
	}
	if _, err := jwtsvid.ParseAndValidate(svid.Marshal(), at.bundles, []string{audience}); err != nil {
		t.failed(from, at, "jwt", err)
		return
	}
	t.count(&t.JWT)
}

func (t *crossTally) x509(from, at *place) {
	for _, svid := range from.current() {
		if time.Now().After(svid.Certificates[0].NotAfter) {
			t.count(&t.Expired)
			continue
		}
		if _, _, err := x509svid.Verify(svid.Certificates, at.bundles); err != nil {
			t.failed(from, at, "x509", err)
			continue
		}
		t.count(&t.X509)
	}
}
