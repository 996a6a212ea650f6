package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"rouse/notifiers"
)

// timeout is for one request to Twilio with its answer.
const timeout = 10 * time.Second

// account is who signs in, and where.
type account struct {
	http           *http.Client
	base           *url.URL
	sid            string
	user, password string
}

// api is Twilio's API for the requests made under ctx. cancel has to be called after the last.
func (a account) api(ctx context.Context) (_ *api.ApiService, cancel context.CancelFunc) {
	ctx, cancel = context.WithTimeout(ctx, timeout)
	return api.NewApiServiceWithClient(request{ctx, a}), cancel
}

// request is a client.BaseClient bound to one context. twilio-go has no way to pass one
// (https://github.com/twilio/twilio-go/issues/255), nor a base URL, and loses the headers of an
// error; it asks this for everything that goes over the network.
type request struct {
	ctx context.Context
	account
}

func (r request) AccountSid() string     { return r.sid }
func (request) SetTimeout(time.Duration) {}
func (request) SetOauth(client.OAuth)    {}
func (request) OAuth() client.OAuth      { return nil }

// SendRequest sends one request. Its error is always a *notifiers.Failure.
func (r request) SendRequest(method, rawURL string, form url.Values, headers map[string]any, _ ...byte) (*http.Response, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("twilio: building a request: %w", err)
	}
	u.Scheme, u.Host = r.base.Scheme, r.base.Host // whatever TWILIO_EDGE and TWILIO_REGION say
	var body io.Reader
	if method == http.MethodGet {
		u.RawQuery = form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(r.ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("twilio: building a request: %w", err)
	}
	for name, value := range headers {
		req.Header.Set(name, fmt.Sprint(value))
	}
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(r.user, r.password)
	res, err := notifiers.Do(r.http, Provider, req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	return nil, refusal(res)
}

// refusal is the Failure that an answer other than 2xx means. Twilio's own message is not used: it
// quotes the number.
func refusal(res *http.Response) *notifiers.Failure {
	var said struct {
		Code int `json:"code"`
	}
	_ = json.NewDecoder(res.Body).Decode(&said) // a proxy in between answers with anything: the status will do
	f := failureOf(res.StatusCode, said.Code)
	f.RetryAfter = notifiers.RetryAfter(res.Header, time.Now())
	return f
}

// asFailure makes a Failure of any error that twilio-go returns: what is not one yet is an answer
// with a good status that could not be read.
func asFailure(err error) error {
	if _, ok := errors.AsType[*notifiers.Failure](err); ok {
		return err
	}
	return notifiers.Lost(Provider, "the answer could not be understood", err)
}
