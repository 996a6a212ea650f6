package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"rouse/api/keys"
	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
)

// keySettings are of any form: what they mean is a dialect's.
type keySettings = json.RawMessage

func keyOut(k enginedb.Key) Key {
	return Key{ID: k.ID, Name: k.Name, Prefix: k.Prefix, Scopes: mapped(k.Scopes, scopeOut), Service: string(k.Service), Person: string(k.Person),
		Dialect: k.Dialect, Settings: settingsOut(k.Settings), Signed: len(k.Sealed) > 0, Live: k.RevokedAt.IsZero(),
		CreatedAt: k.CreatedAt.UTC(), LastUsedAt: k.LastUsedAt.UTC(), RevokedAt: k.RevokedAt.UTC()}
}

// newKeyOut is the one answer that a key itself stands in, if it was made here.
func newKeyOut(text string, k enginedb.Key) NewKey {
	return NewKey{ID: k.ID, Key: text, Name: k.Name, Prefix: k.Prefix, Scopes: mapped(k.Scopes, scopeOut), Service: string(k.Service),
		Person: string(k.Person), Dialect: k.Dialect, Settings: settingsOut(k.Settings), Signed: len(k.Sealed) > 0, Live: k.RevokedAt.IsZero(),
		CreatedAt: k.CreatedAt.UTC()}
}

// settingsOut leaves out settings that say nothing.
func settingsOut(settings json.RawMessage) keySettings {
	if string(settings) == "{}" {
		return nil
	}
	return settings
}

func scopeOut(s enginedb.Scope) Scope { return Scope(s) }

// refusedKey says why a key was not made.
func refusedKey(err error) error {
	if full, ok := errors.AsType[*keys.LimitError](err); ok {
		return problem.Full.Because("Service %s has %d keys in force, which is the limit. Revoke one whose last_used_at says that nobody sends with it.",
			full.Service, keys.MaxOfService)
	}
	if errors.Is(err, enginedb.ErrExists) {
		return problem.Conflict.Because("The key is registered already, in force or revoked. Take another one, or have a new one made.")
	}
	return err
}

func aboutKey(id int64, err error) error { return about(fmt.Sprintf("key %d", id), err) }

// keys lists those of a service, or with "" those of none.
func (h handlers) keys(ctx context.Context, service engine.ServiceID, cursor Cursor, given Limit) (Keys, error) {
	after, err := rowCursor(cursor)
	if err != nil {
		return Keys{}, err
	}
	limit := h.limit(given)
	found, err := h.incidents.Keys(ctx, service, after, limit+1)
	found, next := part(found, limit, func(k enginedb.Key) string { return strconv.FormatInt(k.ID, 10) })
	return Keys{Items: mapped(found, keyOut), Next: next}, err
}

func (h handlers) ListKeys(ctx context.Context, r ListKeysRequestObject) (ListKeysResponseObject, error) {
	list, err := h.keys(ctx, "", r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	return ListKeys200JSONResponse(list), nil
}

func (h handlers) CreateKey(ctx context.Context, r CreateKeyRequestObject) (CreateKeyResponseObject, error) {
	b := r.Body
	wish := keys.Wish{Key: enginedb.Key{Name: b.Name, Person: rosters.PersonID(b.Person), Dialect: b.Dialect, Settings: b.Settings,
		Scopes: mapped(b.Scopes, func(s Scope) enginedb.Scope { return enginedb.Scope(s) })}, Foreign: b.Key, Secret: &b.Secret}
	text, k, err := h.keymaker.Make(ctx, h.incidents, wish)
	if errors.Is(err, enginedb.ErrNotFound) {
		return nil, wrong("/person", b.Person, "there is no such person")
	}
	if err != nil {
		return nil, refusedKey(err)
	}
	return CreateKey201JSONResponse{newKeyOut(text, k), CreateKey201ResponseHeaders{fmt.Sprintf("/v1/keys/%d", k.ID)}}, nil
}

func (h handlers) GetKey(ctx context.Context, r GetKeyRequestObject) (GetKeyResponseObject, error) {
	k, err := h.incidents.Key(ctx, "", r.ID)
	if err != nil {
		return nil, aboutKey(r.ID, err)
	}
	return GetKey200JSONResponse(keyOut(k)), nil
}

func (h handlers) ReplaceKey(ctx context.Context, r ReplaceKeyRequestObject) (ReplaceKeyResponseObject, error) {
	k, err := h.replaceKey(ctx, "", r.ID, *r.Body)
	if err != nil {
		return nil, aboutKey(r.ID, err)
	}
	return ReplaceKey200JSONResponse(keyOut(k)), nil
}

// replaceKey changes a key of a service, or with "" one that belongs to none.
func (h handlers) replaceKey(ctx context.Context, service engine.ServiceID, id int64, to KeyChange) (enginedb.Key, error) {
	is, err := h.incidents.Key(ctx, service, id)
	if err != nil {
		return is, err
	}
	return h.keymaker.Change(ctx, h.incidents, is, keys.Wish{Key: enginedb.Key{Name: to.Name, Dialect: to.Dialect, Settings: to.Settings}, Secret: to.Secret})
}

func (h handlers) RevokeKey(ctx context.Context, r RevokeKeyRequestObject) (RevokeKeyResponseObject, error) {
	if err := h.incidents.RevokeKey(ctx, "", r.ID); err != nil {
		return nil, aboutKey(r.ID, err)
	}
	return RevokeKey204Response{}, nil
}

func (h handlers) ListServiceKeys(ctx context.Context, r ListServiceKeysRequestObject) (ListServiceKeysResponseObject, error) {
	if _, err := h.readService(ctx, r.Slug); err != nil {
		return nil, err
	}
	list, err := h.keys(ctx, engine.ServiceID(r.Slug), r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	return ListServiceKeys200JSONResponse(list), nil
}

func (h handlers) CreateServiceKey(ctx context.Context, r CreateServiceKeyRequestObject) (CreateServiceKeyResponseObject, error) {
	b := r.Body
	text, k, err := h.keymaker.Make(ctx, h.incidents, keys.Wish{Key: enginedb.Key{Name: b.Name, Service: engine.ServiceID(r.Slug),
		Scopes: []enginedb.Scope{enginedb.ScopeIntake}, Dialect: b.Dialect, Settings: b.Settings}, Foreign: b.Key, Secret: &b.Secret})
	if err != nil {
		return nil, aboutService(r.Slug, refusedKey(err))
	}
	return CreateServiceKey201JSONResponse{newKeyOut(text, k), CreateServiceKey201ResponseHeaders{fmt.Sprintf("/v1/services/%s/keys/%d", r.Slug, k.ID)}}, nil
}

func aboutServiceKey(slug string, id int64, err error) error {
	return about(fmt.Sprintf("key %d of service %s", id, slug), err)
}

func (h handlers) GetServiceKey(ctx context.Context, r GetServiceKeyRequestObject) (GetServiceKeyResponseObject, error) {
	k, err := h.incidents.Key(ctx, engine.ServiceID(r.Slug), r.ID)
	if err != nil {
		return nil, aboutServiceKey(r.Slug, r.ID, err)
	}
	return GetServiceKey200JSONResponse(keyOut(k)), nil
}

func (h handlers) ReplaceServiceKey(ctx context.Context, r ReplaceServiceKeyRequestObject) (ReplaceServiceKeyResponseObject, error) {
	k, err := h.replaceKey(ctx, engine.ServiceID(r.Slug), r.ID, *r.Body)
	if err != nil {
		return nil, aboutServiceKey(r.Slug, r.ID, err)
	}
	return ReplaceServiceKey200JSONResponse(keyOut(k)), nil
}

func (h handlers) RevokeServiceKey(ctx context.Context, r RevokeServiceKeyRequestObject) (RevokeServiceKeyResponseObject, error) {
	if err := h.incidents.RevokeKey(ctx, engine.ServiceID(r.Slug), r.ID); err != nil {
		return nil, aboutServiceKey(r.Slug, r.ID, err)
	}
	return RevokeServiceKey204Response{}, nil
}
