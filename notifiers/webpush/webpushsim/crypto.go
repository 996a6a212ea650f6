package webpushsim

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// signed checks RFC 8292's Authorization; 0 is right.
func signed(r *http.Request, origin, from string, now time.Time) (status int) {
	params, ok := strings.CutPrefix(r.Header.Get("Authorization"), "vapid ")
	if !ok {
		return http.StatusUnauthorized
	}
	values := map[string]string{}
	for param := range strings.SplitSeq(params, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		values[name] = value
	}
	if from != "" && values["k"] != from {
		return http.StatusForbidden // it subscribed with another key
	}
	point, err := b64.DecodeString(values["k"])
	parts := strings.Split(values["t"], ".")
	if err != nil || len(point) != 65 || len(parts) != 3 {
		return http.StatusUnauthorized
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	signature, bad := b64.DecodeString(parts[2])
	if err != nil || bad != nil || len(signature) != 64 {
		return http.StatusUnauthorized
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return http.StatusForbidden
	}
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	text, err := b64.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return http.StatusForbidden
	}
	ends := time.Unix(claims.Exp, 0)
	whom := strings.HasPrefix(claims.Sub, "https:") || strings.HasPrefix(claims.Sub, "http:") || strings.HasPrefix(claims.Sub, "mailto:")
	if claims.Aud != origin || ends.Before(now) || ends.Sub(now) > 24*time.Hour || !whom || strings.Count(claims.Sub, "mailto:") > 1 {
		return http.StatusForbidden
	}
	return 0
}

// decrypt opens the record of a push, RFC 8291 §3.
func decrypt(key *ecdh.PrivateKey, auth, body []byte) ([]byte, error) {
	if len(body) < 16+4+1+65+17 || body[20] != 65 {
		return nil, errors.New("too short, or no key in it")
	}
	salt, point, sealed := body[:16], body[21:21+65], body[21+65:]
	sender, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, err
	}
	shared, err := key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	info := append([]byte("WebPush: info\x00"), key.PublicKey().Bytes()...)
	material := expand(mac(auth, shared), append(info, point...), 32)
	pseudo := mac(salt, material)
	block, err := aes.NewCipher(expand(pseudo, []byte("Content-Encoding: aes128gcm\x00"), 16))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	text, err := gcm.Open(nil, expand(pseudo, []byte("Content-Encoding: nonce\x00"), 12), sealed, nil)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimRight(text, "\x00")
	if len(text) == 0 || text[len(text)-1] != 2 {
		return nil, errors.New("not the last record")
	}
	return text[:len(text)-1], nil
}

// mac and expand are HKDF's two steps (RFC 5869), of one block.
func mac(key, text []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(text)
	return m.Sum(nil)
}

func expand(key, info []byte, length int) []byte {
	return mac(key, append(bytes.Clone(info), 1))[:length]
}
