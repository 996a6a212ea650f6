package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine/pager"
	"rouse/notifiers"
)

// heartbeat tells a dead-man's switch, which somebody else runs, again and again that this node and what it
// stands on are well. It does so only while the whole audit passes, so that the switch goes off whatever
// happens: no process, no database, no network, or a Rouse that runs and pages nobody.
//
// The address is a secret, as whoever knows it can keep the switch quiet: no log and no answer names it.
type heartbeat struct {
	url    string        // "": there is no switch
	every  time.Duration // from one heartbeat to the next
	again  time.Duration // from one that did not come off to the next try
	client *http.Client
	audit  func(context.Context) []pager.Check
	log    *slog.Logger
	told   *prometheus.CounterVec
	last   atomic.Pointer[beat]
}

// beat is one heartbeat.
type beat struct {
	outcome outcome
	text    string // unless given: why not
	at      time.Time
}

// outcome is what became of a heartbeat.
type outcome string

const (
	given    outcome = "given"
	withheld outcome = "withheld" // the audit did not pass
	failed   outcome = "failed"   // the switch could not be told
)

func newHeartbeat(cfg config, audit func(context.Context) []pager.Check, log *slog.Logger) *heartbeat {
	h := &heartbeat{url: cfg.heartbeat.url, every: cfg.heartbeat.every, again: min(cfg.heartbeat.every/6, 30*time.Second),
		client: cfg.outside(), audit: audit, log: log,
		told: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rouse_heartbeats_total",
			Help: "Heartbeats to the dead-man's switch: given, withheld because the audit failed, failed because the switch could not be told."},
			[]string{"outcome"})}
	for _, o := range []outcome{given, withheld, failed} {
		h.told.WithLabelValues(string(o)) // there from the beginning, so that a rise from none is seen
	}
	return h
}

// run gives heartbeats, the first one now, until ctx ends.
func (h *heartbeat) run(ctx context.Context) {
	if h.url == "" {
		return
	}
	for {
		began := time.Now()
		wait := h.every
		if h.beat(ctx) != given {
			wait = h.again
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait - time.Since(began)):
		}
	}
}

func (h *heartbeat) beat(ctx context.Context) outcome {
	b := beat{outcome: given, at: time.Now()}
	if failing := failingChecks(h.audit(ctx)); failing != "" {
		b.outcome, b.text = withheld, failing
	} else if why := h.give(ctx); why != "" {
		b.outcome, b.text = failed, why
	}
	if ctx.Err() != nil {
		return b.outcome // the node is stopping: nothing is wrong
	}
	h.told.WithLabelValues(string(b.outcome)).Inc()
	before := h.last.Swap(&b)
	switch {
	case b.outcome == withheld:
		h.log.Error("heartbeat withheld: this node's audit does not pass", "failing", b.text)
	case b.outcome == failed:
		h.log.Warn("heartbeat not given; trying again", "why", b.text)
	case before == nil || before.outcome != given:
		h.log.Info("heartbeat given", "every", h.every)
	}
	return b.outcome
}

// failingChecks names the checks that do not pass; "" if all do.
func failingChecks(checks []pager.Check) string {
	var names []string
	for _, c := range checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// give tells the switch, and says why if that did not come off. A redirect is not followed: the address
// that is set must be the one that counts.
func (h *heartbeat) give(ctx context.Context) (why string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return "ROUSE_HEARTBEAT_URL cannot be asked"
	}
	req.Header.Set("User-Agent", "rouse/"+version())
	res, err := h.client.Do(req)
	if err != nil {
		return whyNoAnswer(err)
	}
	res.Body.Close()
	switch {
	case res.StatusCode/100 == 2:
		return ""
	case res.StatusCode/100 == 3:
		return fmt.Sprintf("the switch answers %d, and leads elsewhere: set ROUSE_HEARTBEAT_URL to where it leads", res.StatusCode)
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return fmt.Sprintf("the switch answers %d: does it still exist? Check ROUSE_HEARTBEAT_URL", res.StatusCode)
	}
	return fmt.Sprintf("the switch answers %d", res.StatusCode)
}

// whyNoAnswer says why a request failed, in words that cannot have the address in them: an error of
// net/http may quote it, and so may the answer that it complains about.
func whyNoAnswer(err error) string {
	if errors.Is(err, notifiers.ErrPrivateAddress) {
		return "the switch is in a private network: set ROUSE_ALLOW_PRIVATE_ADDRESSES=true if that is meant"
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "the switch did not answer in time"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name of the switch's host is not found: check ROUSE_HEARTBEAT_URL, and this machine's DNS"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the switch's certificate is not valid"
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return "the switch cannot be connected to"
	}
	return "the switch does not answer as a web server does: check ROUSE_HEARTBEAT_URL"
}

// finding is the line of /readyz and doctor about the last heartbeat; false if there is no switch.
func (h *heartbeat) finding() (finding, bool) {
	if h.url == "" {
		return finding{}, false
	}
	b := h.last.Load()
	if b == nil {
		return finding{"heartbeat", warn, "none was due yet"}, true
	}
	when := fmt.Sprintf("%s ago", time.Since(b.at).Round(time.Second))
	switch b.outcome {
	case withheld:
		return finding{"heartbeat", fail, "withheld " + when + ", as the audit did not pass: " + b.text + ". See to that"}, true
	case failed:
		return finding{"heartbeat", fail, "not given " + when + ": " + b.text}, true
	}
	return finding{"heartbeat", pass, "given " + when}, true
}
