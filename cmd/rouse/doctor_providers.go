package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"rouse/notifiers"
)

// ask gets an address for doctor and decodes the answer's JSON into out; what is no JSON leaves it as
// it was. auth may be nil.
func ask(ctx context.Context, client *http.Client, address string, auth func(*http.Request), out any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	if auth != nil {
		auth(req)
	}
	res, err := client.Do(req)
	if err != nil {
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err // url.Error repeats the whole URL
		}
		if errors.Is(err, notifiers.ErrPrivateAddress) {
			err = errors.New("it is in a private network: set ROUSE_ALLOW_PRIVATE_ADDRESSES=true if that is meant")
		}
		return 0, err
	}
	defer res.Body.Close()
	_ = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(out)
	return res.StatusCode, nil
}

// examineProviders signs in with each provider that is set up, and sends nothing.
func examineProviders(ctx context.Context, cfg config) (all []finding) {
	client := cfg.outside()
	if cfg.twilio.configured() {
		all = append(all, examineTwilio(ctx, client, cfg))
	}
	if cfg.ntfy.configured() {
		all = append(all, examineNtfy(ctx, client, cfg.ntfy))
	}
	if len(all) == 0 {
		return []finding{{"providers", fail, "none is set up, so nobody can be paged: set ROUSE_NTFY_URL, or ROUSE_TWILIO_ACCOUNT_SID and what belongs to it"}}
	}
	return all
}

// examineTwilio signs in with the auth token, which callbacks are verified with, and with the API key,
// which may not see the account itself. Then the account says how it is; a simulator has none.
func examineTwilio(ctx context.Context, client *http.Client, cfg config) finding {
	const name = "Twilio"
	if _, err := newTwilio(cfg, client); err != nil {
		return finding{name, fail, err.Error()}
	}
	t := cfg.twilio
	base := t.baseURL
	if base == "" {
		base = "https://api.twilio.com"
	}
	base += "/2010-04-01/Accounts/" + t.accountSID
	token := func(r *http.Request) { r.SetBasicAuth(t.accountSID, t.authTokens[0]) }
	key := func(r *http.Request) { r.SetBasicAuth(t.apiKey, t.apiSecret) }
	for _, with := range []struct {
		what  string
		used  bool
		auth  func(*http.Request)
		check string
	}{
		{"auth token", true, token, "ROUSE_TWILIO_ACCOUNT_SID and ROUSE_TWILIO_AUTH_TOKEN"},
		{"API key", t.apiKey != "", key, "ROUSE_TWILIO_API_KEY and ROUSE_TWILIO_API_SECRET"},
	} {
		if !with.used {
			continue
		}
		status, err := ask(ctx, client, base+"/Messages.json?PageSize=1", with.auth, new(any))
		switch {
		case err != nil:
			return finding{name, fail, fmt.Sprintf("no answer: %v", err)}
		case status == http.StatusUnauthorized || status == http.StatusForbidden:
			return finding{name, fail, "refuses the " + with.what + ": check " + with.check}
		case status != http.StatusOK:
			return finding{name, fail, fmt.Sprintf("answers %d: see https://status.twilio.com and try again", status)}
		}
	}
	var account struct{ Status, Type string }
	_, _ = ask(ctx, client, base+".json", token, &account) // what cannot be asked is not said
	switch {
	case account.Status == "suspended" || account.Status == "closed":
		return finding{name, fail, "accepts the credentials, and the account is " + account.Status + ": see Twilio's console"}
	case account.Type == "Trial":
		return finding{name, warn, "accepts the credentials, of a trial account: it reaches verified numbers only. Upgrade it"}
	}
	return finding{name, pass, "accepts the credentials"}
}

// examineNtfy asks for the server's health, and with a token for its account
// (https://docs.ntfy.sh/config/#health-checks).
func examineNtfy(ctx context.Context, client *http.Client, n ntfySettings) finding {
	const name = "ntfy"
	const healthAt, accountAt = "/v1/health", "/v1/account"
	var health struct{ Healthy bool }
	status, err := ask(ctx, client, n.url+healthAt, nil, &health)
	switch {
	case err != nil:
		return finding{name, fail, fmt.Sprintf("no answer from %s: %v. Check ROUSE_NTFY_URL", n.url+healthAt, err)}
	case status != http.StatusOK || !health.Healthy:
		return finding{name, fail, fmt.Sprintf("%s answers %d, and not as a healthy ntfy does: check ROUSE_NTFY_URL", n.url+healthAt, status)}
	case n.token == "":
		return finding{name, pass, n.url + " is healthy"}
	}
	status, err = ask(ctx, client, n.url+accountAt, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+n.token) }, new(any))
	switch {
	case err != nil:
		return finding{name, fail, fmt.Sprintf("no answer from %s: %v", n.url+accountAt, err)}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return finding{name, fail, fmt.Sprintf("%s answers %d, and so refuses the token: check ROUSE_NTFY_TOKEN", n.url+accountAt, status)}
	}
	return finding{name, pass, n.url + " is healthy and accepts the token"}
}
