package providers

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/email"
	"rouse/notifiers/gateway"
	"rouse/notifiers/mattermost"
	"rouse/notifiers/ntfy"
	"rouse/notifiers/slack"
	"rouse/notifiers/twilio"
	"rouse/notifiers/webhook"
	"rouse/notifiers/webpush"
	"rouse/rosters"
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

	Slack      Kind = "slack"
	Mattermost Kind = "mattermost"
)

// Kinds are all of them, in order.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kinds)) }

// Outside is how providers are reached.
type Outside struct {
	HTTP      *http.Client // for those with an address that is well known or the operator's
	ForUsers  *http.Client // for addresses that somebody else gives: notifiers.Guard.ForUsers
	Dialer    *net.Dialer
	PublicURL string
	RingFor   time.Duration // of phones; 0 is the provider's default
}

// outlet is a provider that is ready: what it sends on, and what reads its callbacks.
type outlet struct {
	channels map[notifiers.Channel]notifiers.Notifier
	common
	breakers map[notifiers.Channel]*notifiers.Breaker // of each channel, and Chat of a chat
	numbers  []string                                 // the beginnings of those that it serves; none: all
	twilio   *twilio.Twilio
	gateway  *gateway.Gateway

	chat       *pager.Chat // of one in which incidents are posted
	slack      *slack.Slack
	mattermost *mattermost.Mattermost
	callback   string // the address of its callbacks, a secret; "" of all but gateways
	webpush    *webpush.WebPush
}

// maker makes an outlet of what was set.
type maker func(o Outside, name string, settings json.RawMessage, secrets map[string]string) (outlet, error)

var kinds = map[Kind]struct {
	secrets []string // that are known; nil: any
	own     string   // the secret that Rouse makes if there is none; "": it makes none
	newOwn  func() (string, error)
	fields  map[string]string // where it is set what New calls so
	make    maker
}{
	Twilio: {secrets: []string{"auth_token", "old_auth_token", "api_secret"}, make: makeTwilio, fields: map[string]string{
		"AccountSID": "/settings/account_sid", "AuthTokens": "/secrets/auth_token", "APIKey, APISecret": "/settings/api_key", "From": "/settings/from",
		"Senders": "/settings/senders", "MessagingServiceSID": "/settings/messaging_service_sid", "BaseURL": "/settings/base_url"}},
	Ntfy: {secrets: []string{"token"}, make: makeNtfy, fields: map[string]string{"BaseURL": "/settings/url", "Token": "/secrets/token"}},
	WebPush: {secrets: []string{"key"}, own: "key", newOwn: inBase64(webpush.NewKey), make: makeWebPush, fields: map[string]string{
		"Subject": "/settings/subject", "Key": "/secrets/key"}},
	Email: {secrets: []string{"password"}, make: makeEmail, fields: map[string]string{
		"Host": "/settings/host", "Port": "/settings/port", "Security": "/settings/security", "From": "/settings/from"}},
	Webhook: {secrets: []string{"secret", "old_secret"}, own: "secret", newOwn: inBase64(newSecret), make: makeWebhook, fields: map[string]string{
		"Secrets": "/secrets/secret", "secret 1": "/secrets/secret", "secret 2": "/secrets/old_secret"}},
	Gateway: {own: callbackKey, newOwn: func() (string, error) { return rand.Text(), nil }, make: makeGateway},
	Slack: {secrets: []string{"token", "signing_secret", "old_signing_secret"}, make: makeSlack, fields: map[string]string{
		"Token": "/secrets/token", "SigningSecrets": "/secrets/signing_secret", "BaseURL": "/settings/url"}},
	Mattermost: {secrets: []string{"token", "secret"}, own: "secret", newOwn: inBase64(newSecret), make: makeMattermost, fields: map[string]string{
		"Token": "/secrets/token", "BaseURL": "/settings/url", "CallbackURL": "/settings/url", "Secret": "/secrets/secret"}},
}

func newSecret() ([]byte, error) {
	b := make([]byte, 32)
	_, err := rand.Read(b)
	return b, err
}

func inBase64(make func() ([]byte, error)) func() (string, error) {
	return func() (string, error) {
		b, err := make()
		return base64.StdEncoding.EncodeToString(b), err
	}
}

// build makes the outlet of a provider, or says all that is wrong with it: rosters.FieldErrors, whose pointers
// begin with /kind, /settings or /secrets.
func build(o Outside, name string, kind Kind, settings json.RawMessage, secrets map[string]string) (outlet, error) {
	k, ok := kinds[kind]
	if !ok {
		return outlet{}, wrong("/kind", string(kind), fmt.Sprintf("is none of %v", Kinds()))
	}
	for _, secret := range slices.Sorted(maps.Keys(secrets)) {
		if k.secrets != nil && !slices.Contains(k.secrets, secret) {
			return outlet{}, wrong("/secrets/"+secret, "", fmt.Sprintf("is not known of a provider of kind %s: use %s", kind, strings.Join(k.secrets, ", ")))
		}
	}
	also, own, err := readCommon(settings)
	if err != nil {
		return outlet{}, err
	}
	made, err := k.make(o, name, own, secrets)
	if err != nil {
		return outlet{}, inFields(kind, err)
	}
	if err := also.fit(kind, made); err != nil {
		return outlet{}, err
	}
	made.common = also
	made.breakers = map[notifiers.Channel]*notifiers.Breaker{}
	for channel := range made.channels {
		made.breakers[channel] = &notifiers.Breaker{}
	}
	if made.chat != nil {
		made.chat.Breaker = &notifiers.Breaker{}
		made.breakers[Chat] = made.chat.Breaker
	}
	return made, nil
}

// wrong is the error of one field. The value must be nothing secret.
func wrong(pointer, value, problem string) error {
	return rosters.FieldErrors{{Field: pointer, Value: value, Problem: problem}}
}

// inFields says what New of a kind found wrong, which has words of its own for each field, in those of the API.
func inFields(kind Kind, err error) rosters.FieldErrors {
	if already, ok := errors.AsType[rosters.FieldErrors](err); ok {
		return already
	}
	var all rosters.FieldErrors
	several, ok := err.(interface{ Unwrap() []error })
	if ok {
		for _, e := range several.Unwrap() {
			all = append(all, inFields(kind, e)...)
		}
		return all
	}
	text := err.Error()
	if field, problem, ok := strings.Cut(text, ": "); ok && kind == Gateway {
		return rosters.FieldErrors{{Field: "/settings/" + strings.NewReplacer(".", "/", "header ", "headers/").Replace(field), Problem: problem}}
	}
	_, text, _ = strings.Cut(text, ": ") // it begins with the package's name
	for _, field := range slices.Backward(slices.Sorted(maps.Keys(kinds[kind].fields))) {
		if problem, ok := strings.CutPrefix(text, field+" "); ok {
			return rosters.FieldErrors{{Field: kinds[kind].fields[field], Problem: problem}}
		}
	}
	return rosters.FieldErrors{{Field: "/settings", Problem: text}}
}

// read reads settings: a field that is not known is an error.
func read(settings json.RawMessage, into any) error {
	if len(settings) == 0 {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(settings)))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrong("/settings/"+strings.ReplaceAll(t.Field, ".", "/"), "", fmt.Sprintf("is of the wrong kind: it must be %s, and is a JSON %s", inJSON(t.Type), t.Value))
	}
	if err != nil {
		return wrong("/settings", "", "cannot be read: "+strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wrong("/settings", "", "must be one JSON object; something stands behind its end")
	}
	return nil
}

// inJSON is what a type is called in JSON.
func inJSON(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Map, reflect.Struct:
		return "an object, such as {\"name\": \"value\"}"
	case reflect.Slice:
		return "a list, such as [\"value\"]"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	default:
		return "a number"
	}
}

var prefix = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)

func numbers(beginnings []string) error {
	for _, n := range beginnings {
		if !prefix.MatchString(n) {
			return wrong("/settings/numbers", n, "is not the beginning of a number: +49, +4917")
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
		MessagingServiceSID: s.MessagingService, BaseURL: s.BaseURL, CallbackBase: o.PublicURL, RingFor: o.RingFor, HTTP: o.HTTP})
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
		return outlet{}, wrong("/secrets/key", "", "is not base64")
	}
	key, err := webpush.ParseKey(der)
	if err != nil {
		return outlet{}, wrong("/secrets/key", "", "is not a key of P-256 in PKCS #8")
	}
	w, err := webpush.New(webpush.Config{Key: key, Subject: s.Subject, HTTP: o.ForUsers})
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
	w, err := webhook.New(webhook.Config{Secrets: signing, HTTP: o.ForUsers})
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
			return outlet{}, wrong("/settings/preset", s.Preset, "is none of "+strings.Join(gateway.PresetNames(), ", "))
		}
		var missing rosters.FieldErrors
		for _, secret := range preset.Secrets {
			if secrets[secret] == "" {
				missing = append(missing, rosters.FieldError{Field: "/secrets/" + secret, Problem: "is missing, which the preset " + s.Preset + " needs"})
			}
		}
		for _, set := range preset.Set {
			if s.Set[set] == "" {
				missing = append(missing, rosters.FieldError{Field: "/settings/set/" + set, Problem: "is missing, which the preset " + s.Preset + " needs"})
			}
		}
		if missing != nil {
			return outlet{}, missing
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
	cfg.Name, cfg.Senders, cfg.Set, cfg.HTTP = name, s.Senders, s.Set, o.ForUsers
	cfg.Secrets = maps.Clone(secrets)
	if key := secrets[callbackKey]; key != "" {
		cfg.CallbackURL = strings.TrimRight(o.PublicURL, "/") + "/callbacks/gateway/" + name + "/" + key
		delete(cfg.Secrets, callbackKey)
	}
	g, err := gateway.New(cfg)
	if err != nil {
		return outlet{}, err
	}
	return outlet{channels: map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: g}, numbers: s.Numbers, gateway: g, callback: cfg.CallbackURL}, nil
}

func replace(field *string, with string) {
	if with != "" {
		*field = with
	}
}
