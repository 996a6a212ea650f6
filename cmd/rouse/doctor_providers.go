package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"rouse/api/providers"
	"rouse/notifiers"
	"rouse/notifiers/email"
	"rouse/notifiers/mattermost"
	"rouse/notifiers/slack"
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

// examineProviders signs in with each provider that is set up, by the environment or through the API, and sends
// nothing.
func examineProviders(ctx context.Context, cfg config, stored []providers.Opened) (all []finding) {
	client := cfg.outside()
	if cfg.twilio.configured() {
		all = append(all, examineTwilio(ctx, client, cfg))
	}
	if cfg.ntfy.configured() {
		all = append(all, examineNtfy(ctx, client, cfg.ntfy))
	}
	if cfg.smtp.configured() {
		all = append(all, examineMail(ctx, cfg.guard(), asked{"e-mail", "the settings ROUSE_SMTP_…", "ROUSE_SMTP_USERNAME and ROUSE_SMTP_PASSWORD"}, cfg.smtp))
	}
	for _, p := range stored {
		if f, ok := examineStored(ctx, cfg, p); ok {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return []finding{{"providers", fail, "none is set up, so nobody can be paged: set ROUSE_NTFY_URL, or ROUSE_TWILIO_ACCOUNT_SID and what belongs to it, or use `rouse provider set`"}}
	}
	return all
}

// asked is a provider in doctor's findings: its name, and what to check if it does not answer, or refuses.
type asked struct{ name, address, credentials string }

// readCarriers reads the providers, those of the environment and those in the database, and sends nothing.
func readCarriers(ctx context.Context, cfg config, getenv func(string) string, db postgres) (*providers.Registry, error) {
	secrets, err := secretBox(cfg, getenv)
	if err != nil {
		return nil, err
	}
	carriers, err := newCarriers(cfg, db.Pool, secrets, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return carriers, carriers.Read(ctx)
}

// examineStored signs in with a provider from the database, as with those of the environment. Of one that is fine
// and cannot be asked without a message there is nothing to say.
func examineStored(ctx context.Context, cfg config, p providers.Opened) (f finding, ok bool) {
	words := asked{"provider " + p.Name, "its settings (rouse provider show " + p.Name + ")", "its account and secrets (rouse provider set " + p.Name + " --secret …)"}
	switch {
	case p.Disabled:
		return finding{words.name, pass, "is disabled: nothing is sent with it"}, true
	case p.Err != nil:
		return finding{words.name, fail, notifiers.MaskNumbers(fmt.Sprintf("cannot be used: %v. See `rouse provider set --help`", p.Err))}, true
	}
	var s struct {
		AccountSID string `json:"account_sid"`
		APIKey     string `json:"api_key"`
		BaseURL    string `json:"base_url"`

		URL string `json:"url"`

		Host     string `json:"host"`
		Port     int    `json:"port"`
		Security string `json:"security"`
		Username string `json:"username"`
		From     string `json:"from"`
	}
	switch providers.Kind(p.Kind) {
	case providers.Twilio, providers.Ntfy, providers.Email, providers.Slack, providers.Mattermost:
		if err := json.Unmarshal(p.Settings, &s); err != nil {
			return finding{words.name, fail, err.Error()}, true
		}
	default:
		return f, false
	}
	switch providers.Kind(p.Kind) {
	case providers.Twilio:
		return askTwilio(ctx, cfg.outside(), words, words, twilioSettings{accountSID: s.AccountSID, authTokens: []string{p.Secrets["auth_token"]}, apiKey: s.APIKey, apiSecret: p.Secrets["api_secret"], baseURL: s.BaseURL}), true
	case providers.Ntfy:
		return askNtfy(ctx, cfg.outside(), words, ntfySettings{url: strings.TrimRight(s.URL, "/"), token: p.Secrets["token"]}), true
	case providers.Slack:
		app, err := slack.New(slack.Config{Token: p.Secrets["token"], SigningSecrets: []string{p.Secrets["signing_secret"]}, BaseURL: s.URL, HTTP: cfg.outside()})
		if err != nil {
			return finding{words.name, fail, err.Error()}, true
		}
		return examineChat(ctx, words, "Slack", app), true
	case providers.Mattermost:
		bot, err := mattermost.New(mattermost.Config{BaseURL: s.URL, Token: p.Secrets["token"], CallbackURL: cfg.publicURL, Secret: p.Secrets["secret"], HTTP: cfg.outside()})
		if err != nil {
			return finding{words.name, fail, err.Error()}, true
		}
		return examineChat(ctx, words, s.URL, bot), true
	default:
		return examineMail(ctx, cfg.guard(), words, smtpSettings{host: s.Host, port: s.Port, security: email.Security(s.Security), username: s.Username, password: p.Secrets["password"], from: s.From}), true
	}
}

// examineChat signs in with a chat, and posts nothing.
func examineChat(ctx context.Context, words asked, where string, chat interface{ SignIn(context.Context) error }) finding {
	err := chat.SignIn(ctx)
	refused, ok := errors.AsType[*notifiers.Failure](err)
	switch {
	case err == nil:
		return finding{words.name, pass, where + " accepts the token"}
	case ok && refused.Code != "":
		return finding{words.name, fail, fmt.Sprintf("%s: %s (%s). Check %s", where, refused.Detail, refused.Code, words.credentials)}
	case ok:
		return finding{words.name, fail, fmt.Sprintf("%s: %s. Check %s", where, refused.Detail, words.address)}
	}
	return finding{words.name, fail, fmt.Sprintf("%s: %v. Check %s", where, err, words.address)}
}

// examineHealth tells of providers whose last message, or post, failed: signing in does not show that a sender is not
// allowed, or that an app is in no channel. That it is so long ago may mean that it is well again.
func examineHealth(views []providers.View, r reader) (all []finding) {
	for _, v := range views {
		if v.State == providers.Disabled || v.State == providers.Broken {
			continue
		}
		for _, c := range v.Channels {
			what := "message"
			if c.Channel == providers.Chat {
				what = "post"
			}
			name := fmt.Sprintf("last %s %s %s", what, v.Name, c.Channel)
			switch {
			case !c.FailingSince.IsZero():
				all = append(all, finding{name, warn, fmt.Sprintf("every %s failed since %s, last at %s: %s", what, r.show(c.FailingSince), r.show(c.LastFailure), c.Failure)})
			case c.LastFailure.After(c.LastSuccess):
				all = append(all, finding{name, warn, fmt.Sprintf("the last %s failed at %s: %s", what, r.show(c.LastFailure), c.Failure)})
			}
		}
	}
	return all
}

// examineMail signs in with a mail server.
func examineMail(ctx context.Context, guard notifiers.Guard, words asked, s smtpSettings) finding {
	server, err := email.New(email.Config{Host: s.host, Port: s.port, Security: s.security, Username: s.username, Password: s.password, From: s.from, Dialer: guard.Dialer()})
	if err != nil {
		return finding{words.name, fail, err.Error()}
	}
	err = server.SignIn(ctx)
	refused, ok := errors.AsType[*notifiers.Failure](err)
	switch {
	case err == nil && s.username == "":
		return finding{words.name, pass, s.host + " answers"}
	case err == nil:
		return finding{words.name, pass, s.host + " accepts the user name and password"}
	case ok && refused.Code != "":
		return finding{words.name, fail, fmt.Sprintf("%s: %s (%s). Check %s", s.host, refused.Detail, refused.Code, words.credentials)}
	case ok:
		return finding{words.name, fail, fmt.Sprintf("%s: %s. Check %s", s.host, refused.Detail, words.address)}
	}
	return finding{words.name, fail, fmt.Sprintf("%s: %v. Check %s", s.host, err, words.address)}
}

// examineTwilio signs in as the environment says.
func examineTwilio(ctx context.Context, client *http.Client, cfg config) finding {
	const name = "Twilio"
	if _, err := newTwilio(cfg, client); err != nil {
		return finding{name, fail, err.Error()}
	}
	return askTwilio(ctx, client, asked{name: name, credentials: "ROUSE_TWILIO_ACCOUNT_SID and ROUSE_TWILIO_AUTH_TOKEN"},
		asked{credentials: "ROUSE_TWILIO_API_KEY and ROUSE_TWILIO_API_SECRET"}, cfg.twilio)
}

// askTwilio signs in with the auth token, which callbacks are verified with, and with the API key,
// which may not see the account itself. Then the account says how it is; a simulator has none.
func askTwilio(ctx context.Context, client *http.Client, words, ofKey asked, t twilioSettings) finding {
	name, base := words.name, t.baseURL
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
		{"auth token", true, token, words.credentials},
		{"API key", t.apiKey != "", key, ofKey.credentials},
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

// examineNtfy asks the server that the environment names.
func examineNtfy(ctx context.Context, client *http.Client, n ntfySettings) finding {
	return askNtfy(ctx, client, asked{"ntfy", "ROUSE_NTFY_URL", "ROUSE_NTFY_TOKEN"}, n)
}

// askNtfy asks for the server's health, and with a token for its account
// (https://docs.ntfy.sh/config/#health-checks).
func askNtfy(ctx context.Context, client *http.Client, words asked, n ntfySettings) finding {
	name := words.name
	const healthAt, accountAt = "/v1/health", "/v1/account"
	var health struct{ Healthy bool }
	status, err := ask(ctx, client, n.url+healthAt, nil, &health)
	switch {
	case err != nil:
		return finding{name, fail, fmt.Sprintf("no answer from %s: %v. Check %s", n.url+healthAt, err, words.address)}
	case status != http.StatusOK || !health.Healthy:
		return finding{name, fail, fmt.Sprintf("%s answers %d, and not as a healthy ntfy does: check %s", n.url+healthAt, status, words.address)}
	case n.token == "":
		return finding{name, pass, n.url + " is healthy"}
	}
	status, err = ask(ctx, client, n.url+accountAt, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+n.token) }, new(any))
	switch {
	case err != nil:
		return finding{name, fail, fmt.Sprintf("no answer from %s: %v", n.url+accountAt, err)}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return finding{name, fail, fmt.Sprintf("%s answers %d, and so refuses the token: check %s", n.url+accountAt, status, words.credentials)}
	}
	return finding{name, pass, n.url + " is healthy and accepts the token"}
}
