package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
)

func keyOut(k enginedb.Key) Key {
	return Key{ID: k.ID, Name: k.Name, Prefix: k.Prefix, Scopes: mapped(k.Scopes, scopeOut), Service: string(k.Service), Person: string(k.Person),
		CreatedAt: k.CreatedAt.UTC(), LastUsedAt: k.LastUsedAt.UTC(), RevokedAt: k.RevokedAt.UTC()}
}

// newKeyOut is the one answer that a key itself stands in.
func newKeyOut(secret string, k enginedb.Key) NewKey {
	return NewKey{ID: k.ID, Key: secret, Name: k.Name, Prefix: k.Prefix, Scopes: mapped(k.Scopes, scopeOut), Service: string(k.Service),
		Person: string(k.Person), CreatedAt: k.CreatedAt.UTC()}
}

func scopeOut(s enginedb.Scope) Scope { return Scope(s) }

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
	keys, err := h.keys(ctx, "", r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	return ListKeys200JSONResponse(keys), nil
}

func (h handlers) CreateKey(ctx context.Context, r CreateKeyRequestObject) (CreateKeyResponseObject, error) {
	wish := enginedb.Key{Name: r.Body.Name, Person: rosters.PersonID(r.Body.Person), Scopes: mapped(r.Body.Scopes, func(s Scope) enginedb.Scope { return enginedb.Scope(s) })}
	secret, k, err := h.incidents.CreateKey(ctx, wish)
	if errors.Is(err, enginedb.ErrNotFound) {
		return nil, wrong("/person", r.Body.Person, "there is no such person")
	}
	if err != nil {
		return nil, err
	}
	return CreateKey201JSONResponse{newKeyOut(secret, k), CreateKey201ResponseHeaders{fmt.Sprintf("/v1/keys/%d", k.ID)}}, nil
}

func (h handlers) GetKey(ctx context.Context, r GetKeyRequestObject) (GetKeyResponseObject, error) {
	k, err := h.incidents.Key(ctx, "", r.ID)
	if err != nil {
		return nil, aboutKey(r.ID, err)
	}
	return GetKey200JSONResponse(keyOut(k)), nil
}

func (h handlers) RenameKey(ctx context.Context, r RenameKeyRequestObject) (RenameKeyResponseObject, error) {
	k, err := h.incidents.RenameKey(ctx, "", r.ID, r.Body.Name)
	if err != nil {
		return nil, aboutKey(r.ID, err)
	}
	return RenameKey200JSONResponse(keyOut(k)), nil
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
	keys, err := h.keys(ctx, engine.ServiceID(r.Slug), r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	return ListServiceKeys200JSONResponse(keys), nil
}

func (h handlers) CreateServiceKey(ctx context.Context, r CreateServiceKeyRequestObject) (CreateServiceKeyResponseObject, error) {
	secret, k, err := h.incidents.CreateKey(ctx, enginedb.Key{Name: r.Body.Name, Service: engine.ServiceID(r.Slug), Scopes: []enginedb.Scope{enginedb.ScopeIntake}})
	if err != nil {
		return nil, aboutService(r.Slug, err)
	}
	return CreateServiceKey201JSONResponse{newKeyOut(secret, k), CreateServiceKey201ResponseHeaders{fmt.Sprintf("/v1/services/%s/keys/%d", r.Slug, k.ID)}}, nil
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

func (h handlers) RenameServiceKey(ctx context.Context, r RenameServiceKeyRequestObject) (RenameServiceKeyResponseObject, error) {
	k, err := h.incidents.RenameKey(ctx, engine.ServiceID(r.Slug), r.ID, r.Body.Name)
	if err != nil {
		return nil, aboutServiceKey(r.Slug, r.ID, err)
	}
	return RenameServiceKey200JSONResponse(keyOut(k)), nil
}

func (h handlers) RevokeServiceKey(ctx context.Context, r RevokeServiceKeyRequestObject) (RevokeServiceKeyResponseObject, error) {
	if err := h.incidents.RevokeKey(ctx, engine.ServiceID(r.Slug), r.ID); err != nil {
		return nil, aboutServiceKey(r.Slug, r.ID, err)
	}
	return RevokeServiceKey204Response{}, nil
}
