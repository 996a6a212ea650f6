package intake

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"rouse/api/problem"
	"rouse/engine"
)

// Keys knows the integration keys.
type Keys interface {
	// Sender finds out who shows a key. ErrUnknownKey if the key is not in force, *ForbiddenError if it is
	// and may not send alerts; any other error, such as ErrKeyNotLookedUp: it cannot be told just now, the
	// sender is to come again.
	Sender(ctx context.Context, key string) (Sender, error)
}

// noKeys knows no key.
type noKeys struct{}

func (noKeys) Sender(context.Context, string) (Sender, error) { return Sender{}, ErrUnknownKey }

// Sender is whoever shows an integration key.
type Sender struct {
	Key      int64            // its number
	Prefix   string           // its beginning, for the log
	Service  engine.ServiceID // "" for a key that is bound to none
	Dialect  string           // the only dialect that the key is for, "" for all
	Settings json.RawMessage  // what the dialect has to know of this sender, see CheckSettings; nil or {}: nothing
	Secret   []byte           // what the sender signs its requests with; nil: it does not
}

// ErrUnknownKey says that a key is not in force.
var ErrUnknownKey = errors.New("the key is not known, or it was revoked")

// ErrKeyNotLookedUp says that it is not known whether a key is in force.
var ErrKeyNotLookedUp = errors.New("the key cannot be looked up: the database is away; try again")

// errNoKey says that a request shows no key at all.
var errNoKey = errors.New("the request carries no key")

// ForbiddenError says that a key is in force and may not send alerts, or not in this dialect.
type ForbiddenError struct {
	Prefix  string
	Dialect string // the only one that it is for; "": it may not send alerts at all
}

func (e *ForbiddenError) Error() string {
	if e.Dialect != "" {
		return fmt.Sprintf("the key %s… is for the dialect %s alone", e.Prefix, e.Dialect)
	}
	return fmt.Sprintf("the key %s… may not do this: it needs the scope intake", e.Prefix)
}

// noted is a response that its log line wants the key of.
type noted interface{ Known(prefix string) }

// sender finds out who sends in a dialect: the first of the keys that is in force counts, "" is none. The
// error is errNoKey, a *ForbiddenError or another one of Keys.
func (h *Handler) sender(w http.ResponseWriter, r *http.Request, dialect string, keys ...string) (Sender, error) {
	ctx, cancel := h.within(r)
	defer cancel()
	refused := errNoKey
	for _, key := range keys {
		if key == "" {
			continue
		}
		s, err := h.keys.Sender(ctx, key)
		if err == nil && s.Dialect != "" && s.Dialect != dialect {
			err = &ForbiddenError{Prefix: s.Prefix, Dialect: s.Dialect}
		}
		if err == nil {
			if n, ok := w.(noted); ok {
				n.Known(s.Prefix)
			}
			return s, nil
		}
		if !errors.Is(refused, ErrUnknownKey) { // the first one that could be the right one explains best
			refused = err
		}
		if !unwelcome(err) {
			return Sender{}, err
		}
	}
	return Sender{}, refused
}

// unwelcome tells a sender that is refused from one that is to come again.
func unwelcome(err error) bool {
	_, forbidden := errors.AsType[*ForbiddenError](err)
	return forbidden || errors.Is(err, ErrUnknownKey) || errors.Is(err, errNoKey)
}

// shown are the keys in all places where senders of webhooks can put one, the likeliest first: the last
// part of the path ({key}), Authorization (Bearer, GenieKey, Basic with the key as password, as user, or
// alone), X-Api-Key, and the query.
func shown(r *http.Request) (keys []string) {
	keys = append(keys, r.PathValue("key"))
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch value = strings.TrimSpace(value); strings.ToLower(scheme) {
	case "basic":
		if user, password, ok := r.BasicAuth(); ok {
			keys = append(keys, password, user)
		} else if whole, err := base64.StdEncoding.DecodeString(value); err == nil {
			keys = append(keys, string(whole))
		}
	default: // whatever the word: Bearer, GenieKey, ApiKey
		keys = append(keys, value)
	}
	keys = append(keys, r.Header.Get("X-Api-Key"))
	query := r.URL.Query()
	for _, name := range keyNames {
		keys = append(keys, query.Get(name))
	}
	return keys
}

// refuse answers a sender that shows no good key, or whose key cannot be looked up, with a problem.
func refuse(w http.ResponseWriter, err error) {
	_, forbidden := errors.AsType[*ForbiddenError](err)
	switch {
	case forbidden:
		problem.Write(w, problem.Forbidden.Because("%s.", sentence(err)))
	case errors.Is(err, errNoKey):
		problem.Write(w, problem.Unauthorized.Because("The request carries no key. Send it as Authorization: Bearer rouse_…"))
	case errors.Is(err, ErrUnknownKey):
		problem.Write(w, problem.Unauthorized.Because("%s.", sentence(err)))
	case errors.Is(err, ErrKeyNotLookedUp):
		problem.Write(w, problem.Unavailable.Because("%s.", sentence(ErrKeyNotLookedUp)))
	default:
		problem.Write(w, problem.Unavailable.Because("Rouse cannot do this just now. Try again."))
	}
}

// sentence begins an error's text with a capital letter.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
