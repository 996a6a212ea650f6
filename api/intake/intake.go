// Package intake turns what senders post into alerts and hands these to the engine: one file per
// dialect, each a pure function from a payload to []engine.Alert. It decides nothing; what becomes of
// an alert is the engine's, and who may send is package api's.
//
// Senders are strict and forgetful, so the intake is neither. Most drop an alert for good when they
// are answered with a 4xx: an alert is never refused for its form where something can be made of it,
// and what the sender sent is kept beside the incident. A 2xx is given only when every alert of the
// request is stored; if one is not, the whole request gets a 503 with Retry-After and is to be sent
// again (rule 1). Alerts that were stored then join their own incident, if they carry a dedup key.
//
// What is too much for one request is cut, and never silently: of a list the elements that are whole become
// alerts, and one more alert pages and says what is missing. So does the timeline and, once for the request,
// the log. These are the limits:
//
//	                       bytes     alerts
//	alerts, webhook        512 KiB    1,000
//	alertmanager, grafana  5 MiB     10,000
//	all others             512 KiB        1
//
// A word for a severity or an action that nobody knows pages as well, and is told in the timeline likewise (see
// engine.Doubt). A request that cannot be read is the same trouble as another one if body, dialect and key are
// the same (bodyKey).
package intake

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/pager"
)

// Config is what a Handler needs.
type Config struct {
	Engine pager.Engine
	Keys   Keys         // nil knows none
	Book   Book         // nil knows no incident
	Signs  Signs        // of heartbeats; nil knows none
	Log    *slog.Logger // nil discards
	AWS    *http.Client // checks what Amazon SNS signed, and confirms its subscriptions; nil connects to public addresses only

	Heartbeats Heartbeats // what Opsgenie's dialect does to them beside; nil if Signs is

	// Patience is how long the alerts of a request may take before their sender is asked to send them
	// again, if the request does not say when it is to be answered; 0 is 2 s.
	Patience time.Duration
}

// Handler answers senders. Each method is one dialect: it finds the sender's key where the dialect puts
// it, and refuses a wrong one in the dialect's own words.
type Handler struct {
	engine   pager.Engine
	keys     Keys
	book     Book
	signs    Signs
	log      *slog.Logger
	patience time.Duration

	heartbeats   Heartbeats
	certificates *certificates // of Amazon SNS
	mappings     mappings      // of webhooks
}

// New makes a Handler.
func New(c Config) *Handler {
	h := &Handler{engine: c.Engine, keys: c.Keys, log: c.Log, patience: c.Patience, certificates: newCertificates(c.AWS)}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.keys == nil {
		h.keys = noKeys{}
	}
	if h.book = c.Book; h.book == nil {
		h.book = noBook{}
	}
	if h.signs, h.heartbeats = c.Signs, c.Heartbeats; h.signs == nil {
		h.signs = noSigns{}
	}
	if h.patience <= 0 {
		h.patience = 2 * time.Second
	}
	return h
}

// received is what a sender is told of one alert.
type received struct {
	Key      engine.Key           `json:"key"` // "" when no incident is concerned
	Outcome  pager.ReceiveOutcome `json:"outcome"`
	DedupKey string               `json:"dedup_key"`
	Why      string               `json:"why,omitempty"`
	Remark   string               `json:"remark,omitempty"`
}

// maxBody is how much of a request is kept and read. Of what is longer the beginning is: see readBody.
const maxBody = 512 << 10

// readBody takes the body of a request, at most maxBody of it; whole is false if there was more, which was
// read and thrown away, so that the sender hears the answer.
func readBody(r *http.Request) (body []byte, whole bool, err error) {
	body, more, refused := read(r, maxBody)
	if refused != nil {
		return nil, false, refused
	}
	if more {
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // an error here is the sender's, who will not hear us
	}
	return body, !more, nil
}

// read takes at most limit bytes of the body; more says that there is more.
func read(r *http.Request, limit int64) (body []byte, more bool, refused *problem.Problem) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(body)) > limit {
		return body[:limit], true, nil
	}
	if err != nil {
		return nil, false, brokenOff
	}
	return body, false, nil
}

// accept answers that everything is stored.
func accept(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(v) // the sender is gone: nobody is left to tell
}
