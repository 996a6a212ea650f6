package prove

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"rouse/cmd/rouse/dialects"
	"rouse/engine"
	"rouse/notifiers/fake"
)

// alert is what a sender reports. The trouble is its dedup key, and stands in the summary, so that a
// message can be held against it.
type alert struct {
	trouble  string // a slug, unique
	service  engine.ServiceID
	severity engine.Severity
	action   engine.Action     // "" is trigger
	dialect  *dialects.Dialect // nil: our own format
}

// accepted is an alert that a sender was told is taken.
type accepted struct {
	alert
	posted time.Time // first
	at     time.Time
	tries  int
	key    engine.Key
}

// sending is how a sender behaves: like Alertmanager and its kind it repeats what was not answered with a
// 2xx, under the same dedup key.
const (
	senderWaits    = 5 * time.Second // for an answer
	senderPauses   = 200 * time.Millisecond
	senderPausesTo = 2 * time.Second
	senderGivesUp  = time.Minute
)

// anyAlert is an alert of some service of the world.
func (w *world) anyAlert(r *rand.Rand, trouble string) alert {
	return alert{trouble: trouble, service: w.services[r.IntN(len(w.services))], severity: engine.Severity(1 + r.IntN(2))}
}

// load sends alerts, so many a second, until stop is called; stop waits for the senders. No sender waits
// for another.
func (r *rig) load(perSecond float64, make func(i int) alert) (stop func()) {
	ctx, cancel := context.WithCancel(r.ctx)
	var senders sync.WaitGroup
	senders.Go(func() {
		tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				a := make(i) // here, as chance is for one at a time
				senders.Go(func() { r.report(r.ctx, a) })
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		senders.Wait()
	}
}

// usualRate is as many alerts a second as small machines bear beside what is broken.
const usualRate = 8

// usualLoad is alerts for all services.
func (r *rig) usualLoad() (stop func()) { return r.usualLoadOf(usualRate) }

func (r *rig) usualLoadOf(perSecond float64) (stop func()) {
	chance := r.t.chance("alerts")
	return r.load(perSecond, func(i int) alert { return r.world.anyAlert(chance, fmt.Sprintf("%s-%d", r.t.name, i)) })
}

// reportEvenly brings n alerts to Rouse, so many a second, and returns when all are taken in or given up.
func (r *rig) reportEvenly(ctx context.Context, n int, perSecond float64, make func(i int) alert) {
	var senders sync.WaitGroup
	began, said := time.Now(), time.Now()
	for i := range n {
		fake.Sleep(ctx, time.Until(began.Add(time.Duration(float64(i)/perSecond*float64(time.Second)))))
		if ctx.Err() != nil {
			break
		}
		a := make(i)
		senders.Go(func() { r.report(r.ctx, a) })
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			r.t.say("%d of %d alerts sent", i+1, n)
		}
	}
	senders.Wait()
}

// report brings one alert to Rouse, and writes down what became of it. It returns false when Rouse did
// not take it in as long as a sender tries.
func (r *rig) report(ctx context.Context, a alert) bool {
	ctx, cancel := context.WithTimeout(ctx, senderGivesUp)
	defer cancel()
	posted := time.Now()
	for pause, tries := senderPauses, 1; ; pause, tries = min(2*pause, senderPausesTo), tries+1 {
		key, err := r.post(ctx, a)
		if err == nil {
			r.ledger.accept(accepted{alert: a, posted: posted, at: time.Now(), tries: tries, key: key})
			return true
		}
		if !fake.Sleep(ctx, pause) {
			r.ledger.refuse(a, err)
			return false
		}
	}
}

func (r *rig) post(ctx context.Context, a alert) (engine.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, senderWaits)
	defer cancel()
	if a.dialect != nil {
		return "", r.say(ctx, a)
	}
	body, err := json.Marshal(map[string]any{"summary": "Something is wrong #" + a.trouble, "severity": a.severity,
		"service": a.service, "dedup_key": a.trouble, "action": cmp.Or(a.action, engine.Trigger)})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.door.address+"/v1/alerts", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := r.senders.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", err
	}
	if res.StatusCode/100 != 2 {
		return "", fmt.Errorf("the alert was answered %d: %s", res.StatusCode, answer)
	}
	var got struct {
		Key engine.Key `json:"key"`
	}
	return got.Key, json.Unmarshal(answer, &got)
}

// say reports a trouble in a sender's dialect, with the key of the service.
func (r *rig) say(ctx context.Context, a alert) error {
	key := r.keys[a.service]
	status, answer, err := r.request(ctx, http.MethodPost, a.dialect.Path, key, a.dialect.Body(key, a.trouble, "Something is wrong #"+a.trouble))
	if err == nil && !a.dialect.Taken(status, answer) {
		err = fmt.Errorf("the alert was answered %d in %s: %s", status, a.dialect.Name, answer)
	}
	return err
}
