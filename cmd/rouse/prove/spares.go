package prove

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"rouse/engine/enginedb"
	"rouse/notifiers/fake"
	"rouse/notifiers/twilio/twiliosim"
)

// sealKey is what nodes with spare providers encrypt those's secrets with.
const sealKey = "ROUSE_SECRET_KEY=cHJvdmUsIHdoaWNoIGtlZXBzIG5vIHNlY3JldHMuLi4="

// setUpSpares sets up a second provider of every channel, as an admin does, and returns when all nodes have it.
func (r *rig) setUpSpares(ctx context.Context) error {
	key, _, err := enginedb.New(r.db).CreateKey(ctx, enginedb.Key{Name: "admin", Scopes: []enginedb.Scope{enginedb.ScopeAdmin}})
	if err != nil {
		return err
	}
	line := r.phones.spareLine
	for _, spare := range []struct {
		name string
		outlet
		wish func(url string) map[string]any
	}{
		{"second-twilio", outlet{spare: true, sim: line, read: readTwilio}, func(url string) map[string]any {
			return map[string]any{"kind": "twilio", "secrets": map[string]string{"auth_token": line.AuthToken()},
				"settings": map[string]any{"account_sid": line.AccountSID(), "from": twiliosim.DefaultFrom, "base_url": url}}
		}},
		{"second-ntfy", outlet{spare: true, sim: r.phones.sparePush, read: readPush}, func(url string) map[string]any {
			return map[string]any{"kind": "ntfy", "settings": map[string]any{"url": url}}
		}},
	} {
		p, err := newProvider(r, spare.outlet)
		if err != nil {
			return err
		}
		r.spares = append(r.spares, p)
		if err := r.ask(ctx, http.MethodPut, "/v1/providers/"+spare.name, key, spare.wish(p.url())); err != nil {
			return fmt.Errorf("setting up provider %s: %w", spare.name, err)
		}
	}
	const seen = 5 * time.Second // nodes look every two seconds
	fake.Sleep(ctx, seen)
	return ctx.Err()
}

// ask has Rouse do something for the holder of a key.
func (r *rig) ask(ctx context.Context, method, path, key string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	status, answer, err := r.request(ctx, method, path, key, body)
	if err == nil && status/100 != 2 {
		err = &refusal{status, string(answer)}
	}
	return err
}

// request brings JSON to Rouse's door for the holder of a key.
func (r *rig) request(ctx context.Context, method, path, key string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.door.address+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	res, err := r.senders.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, answer, err
}

// refusal is an answer of Rouse that is no 2xx.
type refusal struct {
	status int
	said   string
}

func (f *refusal) Error() string { return fmt.Sprintf("it was answered %d: %s", f.status, f.said) }
