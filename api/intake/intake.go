// Package intake turns what senders post into alerts and hands these to the engine: one file per
// dialect, each a pure function from a payload to []engine.Alert. It decides nothing; what becomes of
// an alert is the engine's, and who may send is package api's.
//
// Senders are strict and forgetful, so the intake is neither. Most drop an alert for good when they
// are answered with a 4xx: an alert is never refused for its form where something can be made of it,
// and what the sender sent is kept beside the incident. A 2xx is given only when every alert of the
// request is stored; if one is not, the whole request gets a 503 with Retry-After and is to be sent
// again (rule 1). Alerts that were stored then join their own incident, if they carry a dedup key.
package intake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
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

	// Patience is how long an alert may take to be stored before its sender is asked to send it
	// again; 0 is 2 s.
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
}

// receive stores the alerts in order. One that the engine fails on does not keep the others from
// being stored; false says that there was one. The alerts that were read are stored even if the
// sender has hung up meanwhile.
func (h *Handler) receive(r *http.Request, alerts []engine.Alert) ([]received, bool) {
	ctx := context.WithoutCancel(r.Context())
	done := make([]received, 0, len(alerts))
	for _, a := range alerts {
		got, err := h.receiveOne(ctx, a)
		if err != nil {
			h.log.ErrorContext(ctx, "alert not stored", "source", a.Source, "err", notifiers.MaskNumbers(err.Error()))
			if errors.Is(err, context.DeadlineExceeded) {
				break // the others would wait in vain as well
			}
			continue
		}
		done = append(done, received{Key: got.Key, Outcome: got.Outcome, DedupKey: got.DedupKey, Why: got.Why})
	}
	return done, len(done) == len(alerts)
}

func (h *Handler) receiveOne(ctx context.Context, a engine.Alert) (pager.Received, error) {
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	got, err := h.engine.Receive(ctx, a)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return got, err
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
