package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rouse/api/problem"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// about says in an error's place what it means for the thing that was asked for, "person ann". What has
// no meaning for whoever asked stays as it is.
func about(thing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rosterdb.ErrNotFound), errors.Is(err, enginedb.ErrNotFound), errors.Is(err, pager.ErrNotFound):
		return problem.NotFound.Because("There is no %s.", thing)
	case errors.Is(err, rosterdb.ErrExists), errors.Is(err, enginedb.ErrExists):
		return problem.Conflict.Because("There is a %s already.", thing)
	case errors.Is(err, rosterdb.ErrGone):
		return problem.Conflict.Because("%s was deleted, and who was on call in the past is told by that handle still. Restore it (GET /v1/deleted), or take another one.", thing)
	case errors.Is(err, rosterdb.ErrVersion), errors.Is(err, enginedb.ErrVersion):
		return problem.Changed.Because("The version of %s that If-Match names is not the stored one.", thing)
	case errors.Is(err, pager.ErrResolved):
		return problem.Resolved.Because("The %s is resolved.", thing)
	case errors.Is(err, pager.ErrDrill):
		return problem.Conflict.Because("The %s is a drill of one person: it pages nobody else, and keeps its severity.", thing)
	default:
		return err
	}
}

// Fail answers a request that failed: the one place where an error becomes a response.
func (a *API) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		a.log.ErrorContext(r.Context(), "request failed", "request", w.Header().Get("X-Request-Id"), "method", r.Method,
			"problem", p.Name, "err", notifiers.MaskNumbers(err.Error()))
	}
	problem.Write(w, p)
}

func problemOf(err error) *problem.Problem {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	if es, ok := errors.AsType[rosters.FieldErrors](err); ok {
		return invalid(fieldsOf(es))
	}
	if unavailable(err) {
		return problem.Unavailable.Because("Rouse cannot do this just now. Try again.")
	}
	return problem.Internal.Because("Something went wrong. The log knows more.")
}

// unavailable reports whether an error is of the kind that goes away by itself.
func unavailable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Connection, resources, intervention by an operator, locks that were waited for; a standby writes nothing.
		class := pg.Code[:min(2, len(pg.Code))]
		return strings.Contains("08 53 57 55 40", class) || pg.Code == "25006"
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network || pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "closed pool")
}

// unreadable answers a request that passed the contract and yet could not be read, such as a duration
// beyond what is counted.
func (a *API) unreadable(w http.ResponseWriter, r *http.Request, err error) {
	problem.Write(w, problem.Validation.Because("The request has a value that cannot be read: %s.", strings.TrimSuffix(shortened(err.Error()), ".")))
}

// fieldsOf are field errors as they are shown, each value with its field.
func fieldsOf(es rosters.FieldErrors) []problem.Field {
	fields := make([]problem.Field, len(es))
	for i, e := range es {
		fields[i] = problem.Field{Pointer: e.Field, Value: e.Value, Detail: e.Problem}
	}
	return fields
}

// renamed is err with other pointers: a core's /id is the slug or handle of the wire.
func renamed(err error, from, to string) error {
	return repointed(err, func(pointer string) string {
		if pointer == from {
			return to
		}
		return pointer
	})
}

// below is err with the pointers of a part that was sent alone: /rotations/2/rule is /rule.
func below(part string, err error) error {
	return repointed(err, func(pointer string) string { return strings.TrimPrefix(pointer, part) })
}

func repointed(err error, to func(string) string) error {
	es, ok := errors.AsType[rosters.FieldErrors](err)
	if !ok {
		return err
	}
	moved := make(rosters.FieldErrors, len(es))
	for i, e := range es {
		e.Field = to(e.Field)
		moved[i] = e
	}
	return moved
}

// wrong is the error of a single field of the body.
func wrong(pointer, value, detail string) error {
	return invalid([]problem.Field{{Pointer: pointer, Value: value, Detail: detail}})
}

// wrongParameter is the error of a single parameter.
func wrongParameter(name, value, detail string) error {
	return invalid([]problem.Field{{Parameter: name, Value: value, Detail: detail}})
}

// changed is the problem of a version that is not the stored one any more: it says what is otherwise than
// in what was sent, so that whoever sent it can decide again.
func changed(thing string, version int, at time.Time, stored, sent any) error {
	was, is := fieldsByName(sent), fieldsByName(stored)
	p := problem.Changed.Because("The version of %s that If-Match names is not the stored one, which is %d%s.", thing, version, since(at))
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if other, given := was[name]; given && !bytes.Equal(other, is[name]) {
			p.With(problem.Field{Pointer: "/" + name, Value: shortened(string(is[name])), Detail: "is stored otherwise than it was sent"})
		}
	}
	return p
}

// since is empty if it is not known.
func since(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", since " + clock(at)
}

// fieldsByName is a value of the wire taken apart, without what a client cannot set.
func fieldsByName(v any) map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	if text, err := json.Marshal(v); err == nil {
		_ = json.Unmarshal(text, &fields) // it was an object
	}
	for _, name := range []string{"version", "created_at", "updated_at", "revision", "effective_from", "effects"} {
		delete(fields, name)
	}
	return fields
}
