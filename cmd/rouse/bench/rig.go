package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/cmd/rouse/node"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/migrations"
	"rouse/migrations/localpg"
	"rouse/notifiers/ntfy/ntfysim"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// rig is a server under measurement with what it needs: a database, and a provider that says when it
// was called.
type rig struct {
	*node.Process
	o    Options
	pg   *localpg.Server
	db   *pgxpool.Pool
	sim  *ntfysim.Sim
	key  string
	http *http.Client

	mu       sync.Mutex
	pushes   []pushed
	arrived  chan struct{} // closed and renewed with each push
	services int
}

// pushed is one call of the provider.
type pushed struct {
	key   string // incident
	topic string
	at    time.Time
}

func newRig(ctx context.Context, o Options) (_ *rig, err error) {
	r := &rig{o: o, arrived: make(chan struct{}), http: &http.Client{Timeout: 10 * time.Second}}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	o.Say("starting a Postgres, a provider and a server")
	if r.pg, err = localpg.Start(ctx, localpg.Options{Dir: filepath.Join(o.Dir, "pg"), Getenv: o.Getenv}); err != nil {
		return nil, err
	}
	if r.db, err = pgxpool.New(ctx, r.pg.URL()); err != nil {
		return nil, err
	}
	if _, err = migrations.Up(ctx, r.db); err != nil {
		return nil, err
	}
	if err = r.seed(ctx); err != nil {
		return nil, err
	}
	if r.sim, err = ntfysim.Start(ntfysim.Config{OnEvent: r.note}); err != nil {
		return nil, err
	}
	address, err := node.FreeAddress()
	if err != nil {
		return nil, err
	}
	r.Process = &node.Process{Executable: o.Executable, Address: address, Log: filepath.Join(o.Dir, "server.log"), Environ: []string{
		"ROUSE_DATABASE_URL=" + r.pg.URL(), "ROUSE_LISTEN=" + address, "ROUSE_PUBLIC_URL=http://" + address, "ROUSE_NTFY_URL=" + r.sim.URL(),
		"ROUSE_ALLOW_PRIVATE_ADDRESSES=true", "ROUSE_LOG_FORMAT=json", "PATH=" + o.Getenv("PATH"), "HOME=" + o.Getenv("HOME")}}
	_, err = r.Start(ctx)
	return r, err
}

func (r *rig) close() {
	if r.Process != nil {
		r.Stop()
	}
	if r.sim != nil {
		r.sim.Close()
	}
	if r.db != nil {
		r.db.Close()
	}
	if r.pg != nil {
		r.pg.Stop()
	}
}

// seed puts one person on each level; each has a topic of their own.
func (r *rig) seed(ctx context.Context) error {
	people := rosterdb.New(r.db)
	for _, name := range []rosters.PersonID{"first", "second", "imoc"} {
		if err := people.CreatePerson(ctx, rosters.Person{ID: name, Name: string(name), Zone: "UTC", Language: "en",
			Contacts: []rosters.Contact{{Channel: rosters.Push, Address: string(name)}}}); err != nil {
			return err
		}
		if err := people.CreateRoster(ctx, rosters.Roster{ID: rosters.RosterID(name), Name: string(name), Rotations: []rosters.Rotation{{
			ID: "weekly", Zone: "Europe/Berlin", Start: "2024-01-01T09:00:00", Rule: "FREQ=WEEKLY", Participants: []rosters.PersonID{name}}}}); err != nil {
			return err
		}
	}
	secret, _, err := enginedb.New(r.db).CreateKey(ctx, enginedb.Key{Name: "bench", Scopes: []enginedb.Scope{enginedb.ScopeIntake}})
	r.key = secret
	return err
}

// service makes a service whose first level waits that long.
func (r *rig) service(ctx context.Context, wait time.Duration) (string, error) {
	r.services++
	name := fmt.Sprintf("bench-%d", r.services)
	admin := enginedb.New(r.db)
	if err := admin.CreatePolicy(ctx, engine.Policy{ID: engine.PolicyID(name), Name: name, Levels: []engine.Level{
		{Targets: []engine.Target{{Roster: "first"}}, Wait: wait}, {Targets: []engine.Target{{Roster: "second"}}, Wait: time.Hour}}}); err != nil {
		return "", err
	}
	return name, admin.CreateService(ctx, engine.Service{ID: engine.ServiceID(name), Name: name, Policy: engine.PolicyID(name)})
}

// post sends an alert as a sender does and returns the incident's key.
func (r *rig) post(ctx context.Context, service, dedup string) (string, error) {
	body, err := json.Marshal(map[string]any{"summary": "benchmark " + dedup, "severity": 1, "service": service, "dedup_key": dedup})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL()+"/v1/alerts", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := r.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("the alert was answered %d: %s", res.StatusCode, answer)
	}
	var got struct {
		Key string `json:"key"`
	}
	return got.Key, json.Unmarshal(answer, &got)
}

var keyIn = regexp.MustCompile(`[A-Z]+-[0-9]+`)

func (r *rig) note(e ntfysim.Event) {
	if e.Kind != ntfysim.Pushed {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushes = append(r.pushes, pushed{key: keyIn.FindString(e.Text), topic: e.Topic, at: e.At})
	close(r.arrived)
	r.arrived = make(chan struct{})
}

// await waits until is says that the pushes so far are enough, and returns them.
func (r *rig) await(ctx context.Context, within time.Duration, is func([]pushed) bool) ([]pushed, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		r.mu.Lock()
		arrived, enough := r.arrived, is(r.pushes)
		pushes := append([]pushed(nil), r.pushes...)
		r.mu.Unlock()
		if enough {
			return pushes, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return pushes, fmt.Errorf("pushes did not come within %s: %w; the server's log is %s", within, ctx.Err(), r.Log)
		}
	}
}

// forget begins an experiment without the pushes of the one before, and with nothing open.
func (r *rig) forget(ctx context.Context) error {
	if _, err := r.db.Exec(ctx, `delete from incident`); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushes = nil
	return nil
}
