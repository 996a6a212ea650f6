package providers

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"rouse/notifiers"
	"rouse/notifiers/email"
	"rouse/notifiers/gateway"
	"rouse/notifiers/ntfy"
	"rouse/notifiers/twilio"
	"rouse/notifiers/webhook"
	"rouse/notifiers/webpush"
)

// Kind is what a provider is of.
type Kind string

// The kinds.
const (
	Twilio  Kind = "twilio"
	Ntfy    Kind = "ntfy"
	WebPush Kind = "web_push"
	Email   Kind = "email"
	Webhook Kind = "webhook"
	Gateway Kind = "gateway"
)

// Kinds are all of them, in order.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kinds)) }

// Outside is how providers are reached.
type Outside struct {
	HTTP      *http.Client
	Dialer    *net.Dialer
	PublicURL string
}

// outlet is a provider that is ready: what it sends on, and what reads its callbacks.
type outlet struct {
	channels map[notifiers.Channel]notifiers.Notifier
	numbers  []string // the beginnings of those that it serves; none: all
	twilio   *twilio.Twilio
	gateway  *gateway.Gateway
	webpush  *webpush.WebPush
}

// maker makes an outlet of what was set.
type maker func(o Outside, name string, settings json.RawMessage, secrets map[string]string) (outlet, error)

var kinds = map[Kind]struct {
	secrets []string // that are known; nil: any
	make    maker
}{
	Twilio:  {[]string{"auth_token", "old_auth_token", "api_secret"}, makeTwilio},
	Ntfy:    {[]string{"token"}, makeNtfy},
	WebPush: {[]string{"key"}, makeWebPush},
	Email:   {[]string{"password"}, makeEmail},
	Webhook: {[]string{"secret", "old_secret"}, makeWebhook},
	Gateway: {nil, makeGateway},
}

// build makes the outlet of a provider, or says all that is wrong with it.
func build(o Outside, name string, kind Kind, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	k, ok := kinds[kind]
	if !ok {
		return outlet{}, fmt.Errorf("kind %q is none of %v", kind, Kinds())
	}
	for _, secret := range slices.Sorted(maps.Keys(secrets)) {
		if k.secrets != nil && !slices.Contains(k.secrets, secret) {
			return outlet{}, fmt.Errorf("secret %q is not known of a provider of kind %s: use %s", secret, kind, strings.Join(k.secrets, ", "))
		}
	}
	return k.make(o, name, settings, secrets)
}

// read reads settings: a field that is not known is an error.
func read(settings json.RawMessage, into any) error {
	if len(settings) == 0 {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(settings)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("settings: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("settings: something stands behind their end")
	}
	return nil
}

var prefix = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)

func numbers(beginnings []string) error {
	for _, n := range beginnings {
		if !prefix.MatchString(n) {
			return fmt.Errorf("settings: numbers has %q, which is not the beginning of a number: +49, +4917", n)
		}
	}
	return nil
}

func makeTwilio(o Outside, name string, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	var s struct {
		AccountSID       string            `json:"account_sid"`
		APIKey           string            `json:"api_key"`
		From             string            `json:"from"`
		Senders          map[string]string `json:"senders"`
		MessagingService string            `json:"messaging_service_sid"`
		BaseURL          string            `json:"base_url"`
		Numbers          []string          `json:"numbers"`
	}
	if err := read(settings, &s); err != nil {
		return outlet{}, err
	}
	if err := numbers(s.Numbers); err != nil {
		return outlet{}, err
	}
	tokens := slices.DeleteFunc([]string{secrets["auth_token"], secrets["old_auth_token"]}, func(t string) bool { return t == "" })
	t, err := twilio.New(twilio.Config{Name: name, AccountSID: s.AccountSID, AuthTokens: tokens, APIKey: s.APIKey, APISecret: secrets["api_secret"], From: s.From, Senders: s.Senders,
		MessagingServiceSID: s.MessagingService, BaseURL: s.BaseURL, CallbackBase: o.PublicURL, HTTP: o.HTTP})
	if err != nil {
		return outlet{}, err
	}
	return outlet{channels: map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: t.SMS(), notifiers.Voice: t.Voice()}, numbers: s.Numbers, twilio: t}, nil
}

func makeNtfy(o Outside, _ string, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	var s struct {
		URL string `json:"url"`
	}
	if err := read(settings, &s); err != nil {
		return outlet{}, err
	}
	n, err := ntfy.New(ntfy.Config{BaseURL: s.URL, Token: secrets["token"], HTTP: o.HTTP})
	if err != nil {
		return outlet{}, err
	}
	return outlet{channels: map[notifiers.Channel]notifiers.Notifier{notifiers.Push: n}}, nil
}

func makeWebPush(o Outside, _ string, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	s := struct {
		Subject string `json:"subject"`
	}{Subject: o.PublicURL}
	if err := read(settings, &s); err != nil {
		return outlet{}, err
	}
	der, err := base64.StdEncoding.DecodeString(secrets["key"])
	if err != nil {
		return outlet{}, errors.New(`secret "key" is not base64`)
	}
	key, err := webpush.ParseKey(der)
	if err != nil {
		return outlet{}, err
	}
	w, err := webpush.New(webpush.Config{Key: key, Subject: s.Subject, HTTP: o.HTTP})
	if err != nil {
		return outlet{}, err
	}
	return outlet{channels: map[notifiers.Channel]notifiers.Notifier{notifiers.WebPush: w}, webpush: w}, nil
}

func makeEmail(o Outside, _ string, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	var s struct {
		Host     string `json:"host"`
		Port     int    `json:"port"`
		Security string `json:"security"`
		Username string `json:"username"`
		From     string `json:"from"`
	}
	if err := read(settings, &s); err != nil {
		return outlet{}, err
	}
	e, err := email.New(email.Config{Host: s.Host, Port: s.Port, Security: email.Security(s.Security), Username: s.Username, Password: secrets["password"], From: s.From, Dialer: o.Dialer})
	if err != nil {
		return outlet{}, err
	}
	return outlet{channels: map[notifiers.Channel]notifiers.Notifier{notifiers.Email: e}}, nil
}

func makeWebhook(o Outside, _ string, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	if err := read(settings, &struct{}{}); err != nil {
		return outlet{}, err
	}
	signing := slices.DeleteFunc([]string{secrets["secret"], secrets["old_secret"]}, func(s string) bool { return s == "" })
	w, err := webhook.New(webhook.Config{Secrets: signing, HTTP: o.HTTP})
	if err != nil {
		return outlet{}, err
	}
	return outlet{channels: map[notifiers.Channel]notifiers.Notifier{notifiers.Webhook: w}}, nil
}

// gatewaySettings are those of a gateway: a preset, and what differs from it.
type gatewaySettings struct {
	Preset  string            `json:"preset"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Senders map[string]string `json:"senders"`
	Set     map[string]string `json:"set"`
	Numbers []string          `json:"numbers"`
	Answer  *gateway.Answer   `json:"answer"`
	Receipt *gateway.Receipt  `json:"receipt"`
	Reply   *gateway.Reply    `json:"reply"`
}

func makeGateway(o Outside, name string, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	var s gatewaySettings
	if err := read(settings, &s); err != nil {
		return outlet{}, err
	}
	if err := numbers(s.Numbers); err != nil {
		return outlet{}, err
	}
	cfg := gateway.Config{}
	if s.Preset != "" {
		preset, ok := gateway.Presets[s.Preset]
		if !ok {
			return outlet{}, fmt.Errorf("settings: preset %q is none of %s", s.Preset, strings.Join(gateway.PresetNames(), ", "))
		}
		for _, secret := range preset.Secrets {
			if secrets[secret] == "" {
				return outlet{}, fmt.Errorf("secret %q is missing, which the preset %s needs", secret, s.Preset)
			}
		}
		for _, set := range preset.Set {
			if s.Set[set] == "" {
				return outlet{}, fmt.Errorf("settings: set has no %q, which the preset %s needs", set, s.Preset)
			}
		}
		cfg = preset.Config
	}
	replace(&cfg.Method, s.Method)
	replace(&cfg.URL, s.URL)
	replace(&cfg.Body, s.Body)
	if s.Headers != nil {
		cfg.Headers = s.Headers
	}
	if s.Answer != nil {
		cfg.Answer = *s.Answer
	}
	if s.Receipt != nil {
		cfg.Receipt = *s.Receipt
	}
	if s.Reply != nil {
		cfg.Reply = *s.Reply
	}
	cfg.Name, cfg.Senders, cfg.Set, cfg.HTTP = name, s.Senders, s.Set, o.HTTP
	cfg.Secrets = maps.Clone(secrets)
	if key := secrets[callbackKey]; key != "" {
		cfg.CallbackURL = strings.TrimRight(o.PublicURL, "/") + "/callbacks/gateway/" + name + "/" + key
		delete(cfg.Secrets, callbackKey)
	}
	g, err := gateway.New(cfg)
	if err != nil {
		return outlet{}, err
	}
	return outlet{channels: map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: g}, numbers: s.Numbers, gateway: g}, nil
}

func replace(field *string, with string) {
	if with != "" {
		*field = with
	}
}
