package providers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rouse/api/seal"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// ErrGiven says that a provider is set up by the environment, which alone changes it.
var ErrGiven = errors.New("the environment sets up a provider of this name")

// AnyVersion stands for the version that is stored.
const AnyVersion = 0

// Wish is a provider as somebody wants it.
type Wish struct {
	Name     string
	Kind     Kind
	Position int // 0: where it is, or behind the others
	Settings json.RawMessage
	Secrets  map[string]*string // one that is not named stays, nil removes one
	Disabled bool
}

const maxSecret = 8 << 10 // bytes

// Save keeps a provider that can be used, whether it is new or takes the place of the one of its name. Nodes
// use it within seconds. The error is rosters.FieldErrors, ErrGiven, or enginedb.ErrVersion if the stored one is
// not of the version.
func (r *Registry) Save(ctx context.Context, db enginedb.Store, w Wish, version int) (v View, err error) {
	for range 3 { // who names no version is not told that somebody was faster
		if v, err = r.save(ctx, db, w, version); version != AnyVersion || !errors.Is(err, enginedb.ErrVersion) {
			break
		}
	}
	return v, err
}

func (r *Registry) save(ctx context.Context, db enginedb.Store, w Wish, version int) (View, error) {
	if r.isGiven(w.Name) {
		return View{}, ErrGiven
	}
	stored, err := db.Provider(ctx, w.Name)
	isNew := errors.Is(err, enginedb.ErrNotFound)
	switch {
	case err != nil && !isNew:
		return View{}, err
	case version != AnyVersion && (isNew || stored.Version != version):
		return View{}, enginedb.ErrVersion
	}
	secrets, err := r.merge(stored, w)
	if err != nil {
		return View{}, err
	}
	if _, err := build(r.cfg.Outside, w.Name, w.Kind, w.Settings, secrets); err != nil {
		return View{}, err
	}
	p := enginedb.Provider{Name: w.Name, Kind: string(w.Kind), Position: w.Position, Settings: w.Settings, Disabled: w.Disabled, Version: stored.Version}
	if p.Sealed, err = r.seal(w.Name, secrets); errors.Is(err, seal.ErrNoKey) {
		return View{}, wrong("/secrets", "", "cannot be kept: this Rouse has no key to encrypt them with. Make one (openssl rand -base64 32) and set it as ROUSE_SECRET_KEY")
	} else if err != nil {
		return View{}, err
	}
	if isNew {
		added, err := db.AddProvider(ctx, p)
		if err != nil {
			return View{}, err
		}
		if !added { // by somebody else, just now
			return View{}, enginedb.ErrVersion
		}
	} else {
		if p.Position == 0 {
			p.Position = stored.Position
		}
		if err := db.ReplaceProvider(ctx, p); err != nil {
			return View{}, err
		}
	}
	if p, err = db.Provider(ctx, w.Name); err != nil {
		return View{}, err
	}
	return r.view(r.ready(p, r.each())), nil
}

// merge gives the secrets that a provider is to have: those it has, but for what the wish says.
func (r *Registry) merge(stored enginedb.Provider, w Wish) (map[string]string, error) {
	secrets := map[string]string{}
	if stored.Kind == string(w.Kind) {
		kept, err := r.open(stored)
		if err != nil && len(w.Secrets) == 0 {
			return nil, wrong("/secrets", "", "cannot be read any more, so they have to be given anew: "+err.Error())
		}
		maps.Copy(secrets, kept)
	}
	var all rosters.FieldErrors
	for _, name := range slices.Sorted(maps.Keys(w.Secrets)) {
		field := "/secrets/" + name
		switch value := w.Secrets[name]; {
		case value == nil:
			delete(secrets, name)
		case name == callbackKey && w.Kind == Gateway:
			all = append(all, rosters.FieldError{Field: field, Problem: "is made by Rouse: null has another one made"})
		case *value == "", len(*value) > maxSecret:
			all = append(all, rosters.FieldError{Field: field, Problem: fmt.Sprintf("must have 1 to %d bytes; null removes it", maxSecret)})
		default:
			secrets[name] = *value
		}
	}
	if all != nil {
		return nil, all
	}
	k, ok := kinds[w.Kind]
	if !ok || k.own == "" || secrets[k.own] != "" {
		return secrets, nil
	}
	own, err := k.newOwn()
	secrets[k.own] = own
	return secrets, err
}

// Delete takes a stored provider away. The error is ErrGiven, enginedb.ErrNotFound, or enginedb.ErrVersion.
func (r *Registry) Delete(ctx context.Context, db enginedb.Store, name string, version int) error {
	stored, err := db.Provider(ctx, name)
	switch {
	case errors.Is(err, enginedb.ErrNotFound) && r.isGiven(name):
		return ErrGiven
	case err != nil:
		return err
	case version == AnyVersion:
		version = stored.Version
	}
	if err := db.DeleteProvider(ctx, name, version); err != nil {
		return err
	}
	return db.ForgetProviderHealth(ctx, name)
}

func (r *Registry) isGiven(name string) bool {
	return slices.ContainsFunc(r.given, func(g ready) bool { return g.Name == name })
}

// UsableWith are the channels that messages could be sent on with the providers that a transaction sees.
func (r *Registry) UsableWith(ctx context.Context, db enginedb.Store) (map[rosters.Channel]bool, error) {
	stored, _, err := db.Providers(ctx)
	if err != nil {
		return nil, err
	}
	all, before := slices.Clone(r.given), r.each()
	for _, p := range stored {
		all = append(all, r.ready(p, before))
	}
	usable := map[rosters.Channel]bool{}
	for channel := range links(all) {
		usable[rosters.Channel(channel)] = true
	}
	return usable, nil
}

// Opened is a stored provider with what is secret of it, for who signs in with it to see whether that works.
type Opened struct {
	enginedb.Provider
	Secrets map[string]string
	Err     error // why it cannot be used; nil if it can
}

// Opened are the stored providers. Their secrets must not be shown or logged.
func (r *Registry) Opened() (all []Opened) {
	for _, p := range r.each() {
		if !p.given {
			secrets, _ := r.open(p.Provider) // p.err says so
			all = append(all, Opened{Provider: p.Provider, Secrets: secrets, Err: p.err})
		}
	}
	return all
}

// Reseal seals with the first key what an older one sealed of providers, so that the older one may go. One that
// was changed meanwhile is left alone. Several nodes may do it at the same time.
func Reseal(ctx context.Context, db enginedb.Store, secrets *seal.Box) (done int, err error) {
	all, _, err := db.Providers(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		if len(p.Sealed) == 0 || secrets.Current(p.Sealed) {
			continue
		}
		text, err := secrets.Open(sealedFor(p.Name), p.Sealed)
		if err != nil {
			continue // the provider is broken, and shown so
		}
		sealed, err := secrets.Seal(sealedFor(p.Name), text)
		if err != nil {
			return done, fmt.Errorf("sealing the secrets of provider %s: %w", p.Name, err)
		}
		changed, err := db.ResealProvider(ctx, p.Name, p.Sealed, sealed)
		if err != nil {
			return done, err
		}
		if changed {
			done++
		}
	}
	return done, nil
}

// Survey counts the providers that have secrets, and of these those that an older key sealed and those that no
// key opens.
func Survey(ctx context.Context, db enginedb.Store, secrets *seal.Box) (all, older int, closed map[string]error, err error) {
	stored, _, err := db.Providers(ctx)
	closed = map[string]error{}
	for _, p := range stored {
		if len(p.Sealed) == 0 {
			continue
		}
		all++
		if _, err := secrets.Open(sealedFor(p.Name), p.Sealed); err != nil {
			closed[p.Name] = err
		} else if !secrets.Current(p.Sealed) {
			older++
		}
	}
	return all, older, closed, err
}

// channelsOf are the channels of a provider, in order.
func channelsOf(p ready) []notifiers.Channel { return slices.Sorted(maps.Keys(p.channels)) }
