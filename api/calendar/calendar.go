// Package calendar shows shifts where people live: as iCalendar documents at secret addresses, which
// calendar programs fetch again and again. It changes nothing and knows no keys.
package calendar

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"rouse/api/problem"
	"rouse/rosters"
	"rouse/rosters/ical"
	"rouse/rosters/rosterdb"
)

// What a feed shows, around now.
const (
	past    = 30 * 24 * time.Hour
	ahead   = 180 * 24 * time.Hour
	refresh = time.Hour // how often programs are asked to come
	// A feed with more is cut at its end: no program shows so many.
	maxShifts = 5000
)

// Config is what a Handler needs.
type Config struct {
	DB     rosterdb.DB
	Offset func() time.Duration // added to the database's clock, as the pager's; nil: nothing
	Log    *slog.Logger         // nil discards
}

// Handler answers calendar programs.
type Handler struct {
	store  rosterdb.Store
	offset func() time.Duration
	log    *slog.Logger
}

// New makes a Handler.
func New(c Config) *Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Offset == nil {
		c.Offset = func() time.Duration { return 0 }
	}
	return &Handler{store: rosterdb.New(c.DB), offset: c.Offset, log: c.Log}
}

// Feed is routed at GET /calendar/{secret}; the secret may end in .ics, which some programs insist on.
func (h *Handler) Feed(w http.ResponseWriter, r *http.Request) {
	secret := strings.TrimSuffix(r.PathValue("secret"), ".ics")
	document, err := h.document(r.Context(), secret)
	if errors.Is(err, rosterdb.ErrNotFound) {
		problem.Write(w, problem.NotFound.Because("There is no calendar at this address, or it was revoked."))
		return
	}
	if err != nil {
		h.log.ErrorContext(r.Context(), "a calendar could not be shown", "err", err)
		problem.Write(w, problem.Unavailable.Because("Rouse cannot show this just now. Try again."))
		return
	}
	header := w.Header()
	header.Set("Content-Type", ical.ContentType)
	header.Set("Cache-Control", "private, no-cache")
	header.Set("ETag", ical.ETag(document))
	if sameTag(r.Header.Get("If-None-Match"), ical.ETag(document)) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(document) // the client is gone: nobody is left to tell
}

// sameTag reports whether If-None-Match names a tag (RFC 9110 §13.1.2: weakly compared).
func sameTag(header, tag string) bool {
	for given := range strings.SplitSeq(header, ",") {
		if given = strings.TrimSpace(given); given == "*" || strings.TrimPrefix(given, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

func (h *Handler) document(ctx context.Context, secret string) ([]byte, error) {
	f, err := h.store.FeedBySecret(ctx, secret)
	if err != nil {
		return nil, err
	}
	now, err := h.store.Now(ctx)
	if err != nil {
		return nil, err
	}
	now = now.Add(h.offset())
	from, to := now.Add(-past), now.Add(ahead)
	asked := ical.Asked(from, to)
	ids := []rosters.RosterID{f.Roster}
	if f.Person != "" {
		if ids, err = h.store.RostersOf(ctx, f.Person, asked.From, asked.To); err != nil {
			return nil, err
		}
	}
	found, err := h.store.RostersDuring(ctx, ids, asked.From, asked.To)
	if err != nil {
		return nil, err
	}
	feed := ical.Feed{Refresh: refresh, People: map[rosters.PersonID]string{}}
	named, left := map[rosters.PersonID]bool{f.Person: f.Person != ""}, maxShifts
	for _, stored := range found {
		c, _ := stored.Compile() // what cannot be read has nobody on call
		r := ical.Roster{ID: stored.ID, Changed: stored.UpdatedAt}
		for _, s := range ical.Whole(c, from, to) {
			if f.Person != "" && s.Person != f.Person || left == 0 {
				continue
			}
			left--
			r.Shifts = append(r.Shifts, s)
			named[s.Person], named[s.Instead] = true, true
		}
		feed.Rosters = append(feed.Rosters, r)
	}
	if err := h.name(ctx, &feed, named); err != nil {
		return nil, err
	}
	if feed.Name = "On call: " + string(f.Roster); f.Person != "" {
		feed.Name = "On call: " + feed.People[f.Person]
	} else if len(found) == 1 && found[0].Name != "" {
		feed.Name = "On call: " + found[0].Name
	}
	return feed.Document(), nil
}

func (h *Handler) name(ctx context.Context, feed *ical.Feed, named map[rosters.PersonID]bool) error {
	var ids []rosters.PersonID
	for id, is := range named {
		if is && id != "" {
			ids = append(ids, id)
		}
	}
	people, err := h.store.People(ctx, ids)
	for _, id := range ids {
		if feed.People[id] = string(id); people[id].Name != "" {
			feed.People[id] = people[id].Name
		}
	}
	return err
}
