package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// Signature is what Twilio puts into X-Twilio-Signature for a POST to a URL with these parameters:
// base64(HMAC-SHA1(token, URL + each name and value, by name))
// (https://www.twilio.com/docs/usage/security#validating-requests). Of a name that comes several
// times each different value counts once, in order, as in Twilio's own libraries but for Go's,
// which lets all but the first be changed.
func Signature(token, url string, params url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(url))
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(params[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			mac.Write([]byte(name))
			mac.Write([]byte(value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signed tells whether signature is that of one of the tokens over one of the URLs, in constant
// time. Every combination is computed, whichever fits.
func signed(signature string, tokens, urls []string, params url.Values) bool {
	ok := false
	for _, token := range tokens {
		for _, u := range urls {
			if hmac.Equal([]byte(Signature(token, u, params)), []byte(signature)) {
				ok = true
			}
		}
	}
	return ok
}

// withAndWithoutPort is base as configured and with the scheme's port added or taken away: Twilio is
// not of one mind about it.
func withAndWithoutPort(base string, u *url.URL) []string {
	scheme, rest, _ := strings.Cut(base, "://")
	authority, path, _ := strings.Cut(rest, "/")
	if path != "" {
		path = "/" + path
	}
	if port := u.Port(); port != "" {
		return []string{base, scheme + "://" + strings.TrimSuffix(authority, ":"+port) + path}
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return []string{base, scheme + "://" + authority + port + path}
}
