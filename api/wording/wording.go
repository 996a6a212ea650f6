// Package wording keeps how operators want messages to read: the templates and languages of the database, which
// every node reads anew within seconds of a change. What cannot be used of them is left to the built-in words
// and told: in the log, in a metric, and to whoever asks what is wrong. It decides nothing about messages.
package wording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine/enginedb"
	"rouse/notifiers"
)

const (
	lookEvery = 2 * time.Second
	logEvery  = time.Minute
	failsFor  = time.Hour // a failure that is longer ago is told no more
)

// Keeper keeps the wording. Its Wording is for whoever sends.
type Keeper struct {
	db      enginedb.Store
	wording *notifiers.Wording
	log     *slog.Logger
	fails   *prometheus.CounterVec
	unused  prometheus.Gauge

	mu      sync.Mutex
	version int64
	broken  []notifiers.Failing
	failing map[string]failing // by template and part
	logged  time.Time
}

type failing struct {
	err  error
	last time.Time
	told bool // in the log
}

// New makes a Keeper that knows nothing yet: see Load.
func New(db enginedb.DB, log *slog.Logger) *Keeper {
	k := &Keeper{db: enginedb.New(db), log: log, failing: map[string]failing{},
		fails: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rouse_template_failures_total",
			Help: "Texts for which the built-in words were taken, as the template made none that can be sent."}, []string{"template", "part"}),
		unused: prometheus.NewGauge(prometheus.GaugeOpts{Name: "rouse_templates_unusable",
			Help: "Templates, and sentences of languages, that cannot be used as they are stored."})}
	k.wording = notifiers.NewWording(k.failed)
	return k
}

// Wording is how messages are worded. It changes as templates and languages do.
func (k *Keeper) Wording() *notifiers.Wording { return k.wording }

// Collectors are the metrics of a Keeper.
func (k *Keeper) Collectors() []prometheus.Collector {
	return []prometheus.Collector{k.fails, k.unused}
}

// Keep reads the wording anew whenever it has changed, until ctx ends.
func (k *Keeper) Keep(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := k.Load(ctx); err != nil && ctx.Err() == nil {
			k.log.Debug("the wording could not be looked after; trying again", "err", err)
		}
		k.tell(time.Now())
	}
}

// Load reads what is stored, if it has changed.
func (k *Keeper) Load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	version, err := k.db.WordingVersion(ctx) // first: what changes meanwhile is read again
	if err != nil {
		return err
	}
	k.mu.Lock()
	known := k.version
	k.mu.Unlock()
	if version == known {
		return nil
	}
	templates, err := k.db.Templates(ctx)
	if err != nil {
		return err
	}
	languages, err := k.db.Languages(ctx)
	if err != nil {
		return err
	}
	k.set(version, templates, languages)
	return nil
}

func (k *Keeper) set(version int64, templates []enginedb.Template, languages []enginedb.Language) {
	var broken []notifiers.Failing
	var usable []notifiers.Language
	for _, stored := range languages {
		l, err := LanguageOf(stored)
		if err != nil {
			broken = append(broken, notifiers.Failing{Template: "language " + stored.Tag, Err: err})
			continue
		}
		usable = append(usable, l)
	}
	var all []notifiers.Template
	for _, t := range templates {
		all = append(all, TemplateOf(t))
	}
	broken = append(broken, k.wording.Set(all, usable)...)
	for _, b := range broken {
		k.log.Warn("built-in words are used instead of a template", "template", b.Template, "part", b.Part, "err", b.Err)
	}
	if len(templates)+len(languages) > 0 || version > 1 {
		k.log.Info("the wording of messages was read", "version", version, "templates", len(templates), "languages", len(languages))
	}
	k.unused.Set(float64(len(broken)))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.version, k.broken, k.failing = version, broken, map[string]failing{}
}

// failed takes in that a template failed for a message, which went out in built-in words.
func (k *Keeper) failed(f notifiers.Failing) {
	k.fails.WithLabelValues(f.Template, string(f.Part)).Inc()
	now := time.Now()
	k.mu.Lock()
	name := fmt.Sprintf("%s, %s", f.Template, f.Part)
	k.failing[name] = failing{err: f.Err, last: now}
	k.mu.Unlock()
	k.tell(now)
}

// tell logs what failed, once a minute.
func (k *Keeper) tell(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Sub(k.logged) < logEvery {
		return
	}
	for name, f := range k.failing {
		if !f.told {
			f.told = true
			k.failing[name], k.logged = f, now
			k.log.Warn("a template failed, built-in words were sent", "template", name, "err", f.err)
		}
	}
}

// Trouble lists what cannot be used, and what failed of late.
func (k *Keeper) Trouble() (all []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, b := range k.broken {
		all = append(all, b.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(k.failing)) {
		if f := k.failing[name]; time.Since(f.last) < failsFor {
			all = append(all, fmt.Sprintf("%s: %v", name, f.err))
		}
	}
	return all
}

// TemplateOf is a template as messages are worded by it.
func TemplateOf(t enginedb.Template) notifiers.Template {
	return notifiers.Template{Language: t.Language, Channel: notifiers.Channel(t.Channel), Purpose: notifiers.Purpose(t.Purpose), Title: t.Title, Text: t.Text, Options: t.Options}
}

// LanguageOf is a language as messages are worded in it.
func LanguageOf(l enginedb.Language) (notifiers.Language, error) {
	out := notifiers.Language{Tag: l.Tag, Unicode: l.Unicode}
	if err := json.Unmarshal(l.Words, &out.Words); err != nil {
		return out, errors.New("its words are no object of texts: put the language in again")
	}
	return out, nil
}
