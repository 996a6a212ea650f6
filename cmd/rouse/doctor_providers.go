package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

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

// examinePublicURL asks Rouse where phones and providers do. From here is not from there: a firewall
// in between is not seen.
func examinePublicURL(ctx context.Context, cfg config) []finding {
	const name = "public URL"
	client := &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var a alive
	status, err := ask(ctx, client, cfg.publicURL+"/healthz", nil, &a)
	switch {
	case err != nil:
		return []finding{{name, fail, fmt.Sprintf("no answer from %s: %v. Is `rouse serve` running? Set ROUSE_PUBLIC_URL to where it is reached from outside", cfg.publicURL, err)}}
	case status != http.StatusOK || a.Service != "rouse":
		return []finding{{name, fail, fmt.Sprintf("%s answers %d, and not as Rouse does: check ROUSE_PUBLIC_URL and the proxy before it", cfg.publicURL, status)}}
	}
	return []finding{examineScheme(cfg), examineReadiness(ctx, client, cfg)}
}

func examineScheme(cfg config) finding {
	u, _ := url.Parse(cfg.publicURL) // parseConfig has read it already
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip.IsLoopback() || ip.IsPrivate()
	switch {
	case local && cfg.twilio.configured() && cfg.twilio.baseURL == "":
		return finding{"public URL", fail, cfg.publicURL + " answers, but Twilio cannot reach it: set ROUSE_PUBLIC_URL to an address on the internet"}
	case local:
		return finding{"public URL", warn, cfg.publicURL + " answers, but no phone elsewhere can reach it: set ROUSE_PUBLIC_URL"}
	case u.Scheme == "http":
		return finding{"public URL", warn, cfg.publicURL + " answers, unencrypted: put TLS before it and set ROUSE_PUBLIC_URL to https://…"}
	}
	return finding{"public URL", pass, cfg.publicURL + " answers"}
}

func examineReadiness(ctx context.Context, client *http.Client, cfg config) finding {
	var answer ready
	status, err := ask(ctx, client, cfg.publicURL+"/readyz", nil, &answer)
	if err == nil && status == http.StatusOK {
		return finding{"server", pass, "is ready to page"}
	}
	var wrong []string
	for _, check := range answer.Checks {
		if check.Status == fail {
			wrong = append(wrong, check.Check+" "+check.Text)
		}
	}
	if len(wrong) == 0 {
		wrong = append(wrong, "it does not say why: see the log of `rouse serve`")
	}
	return finding{"server", fail, "is not ready to page: " + strings.Join(wrong, "; ")}
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
	var health struct{ Healthy bool }
	status, err := ask(ctx, client, n.url+"/v1/health", nil, &health)
	switch {
	case err != nil:
		return finding{name, fail, fmt.Sprintf("no answer from %s: %v. Check ROUSE_NTFY_URL", n.url, err)}
	case status != http.StatusOK || !health.Healthy:
		return finding{name, fail, fmt.Sprintf("%s answers %d, and not as a healthy ntfy does: check ROUSE_NTFY_URL", n.url, status)}
	case n.token == "":
		return finding{name, pass, n.url + " is healthy"}
	}
	status, err = ask(ctx, client, n.url+"/v1/account", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+n.token) }, new(any))
	if err != nil || status == http.StatusUnauthorized || status == http.StatusForbidden {
		return finding{name, fail, n.url + " refuses the token: check ROUSE_NTFY_TOKEN"}
	}
	return finding{name, pass, n.url + " is healthy and accepts the token"}
}
