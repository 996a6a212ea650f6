// Package seal encrypts the secrets that the database keeps, so that a dump of it holds none: what senders
// sign with, and what Rouse signs in with elsewhere. It knows nothing of rows or services; whoever seals says
// in a text what the secret belongs to, and it opens for that alone.
//
// What is sealed is, in this order: the version 1 (1 byte), the id of the key (4 bytes), and AES-256-GCM's
// nonce (12 bytes, random), ciphertext and tag (16 bytes; NIST SP 800-38D). The first five bytes and the text
// are authenticated with it. A key seals at most 2³² secrets, which is more than are ever kept.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Size is the length of a key in bytes.
const Size = 32

// The head of what is sealed.
const (
	version = 1
	idSize  = 4
	head    = 1 + idSize
)

// maxKeys are in use at the same time: one that seals, and those of before.
const maxKeys = 10

// ID tells keys apart and nothing else about them, so that it may be logged.
type ID [idSize]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Key encrypts secrets. It cannot be read back from this.
type Key struct {
	id   ID
	aead cipher.AEAD
}

// ID names the key.
func (k Key) ID() ID { return k.id }

// NewKey makes a Key of 32 random bytes.
func NewKey(secret []byte) (Key, error) {
	if len(secret) != Size {
		return Key{}, fmt.Errorf("has %d bytes, and a key has %d", len(secret), Size)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return Key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Key{}, err
	}
	sum := sha256.Sum256(append([]byte("rouse/seal id of key\n"), secret...))
	return Key{id: ID(sum[:idSize]), aead: aead}, nil
}

// ParseKeys reads keys as people set them: each 32 bytes in base64, with commas between. An error shows nothing
// of them, and goes on after the name of where they stood.
func ParseKeys(text string) (keys []Key, err error) {
	parts := strings.Split(text, ",")
	if len(parts) > maxKeys {
		return nil, fmt.Errorf("has %d keys, the limit is %d: remove the oldest, with which nothing is sealed any more", len(parts), maxKeys)
	}
	for i, part := range parts {
		secret, err := decode(part)
		if err == nil {
			var k Key
			if k, err = NewKey(secret); err == nil {
				keys = append(keys, k)
				continue
			}
		}
		which := "is not a key"
		if len(parts) > 1 {
			which = fmt.Sprintf("is not a list of keys with commas between, as number %d is none", i+1)
		}
		return nil, fmt.Errorf("%s (it %w): make one with `openssl rand -base64 32`", which, err)
	}
	return keys, nil
}

// decode reads base64 in either alphabet, with its padding or without: it was copied from somewhere.
func decode(text string) ([]byte, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	if text == "" {
		return nil, errors.New("is empty")
	}
	secret, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(text))
	if err != nil {
		return nil, errors.New("is not base64") // the error of base64 tells characters
	}
	return secret, nil
}

// Box seals with the first of its keys and opens with all: so a key is changed without a stop. The zero Box,
// and a nil one, has no key. A Box may be used by many at the same time.
type Box struct{ keys []Key }

// New gives a Box of keys.
func New(keys ...Key) *Box { return &Box{keys} }

// ErrNoKey says that a secret is to be sealed or opened, and that no key is set.
var ErrNoKey = errors.New("there is no key to encrypt secrets with")

// ErrDamaged says that what is sealed is not as it was, or was sealed for something else. No key helps.
var ErrDamaged = errors.New("what is sealed was changed, or belongs to something else")

// OtherKeyError says that a secret was sealed with a key that is not among those of a Box.
type OtherKeyError struct{ ID ID }

func (e *OtherKeyError) Error() string {
	return "it was sealed with key " + e.ID.String() + ", which is not set"
}

// First is the key that seals; false if there is none.
func (b *Box) First() (ID, bool) {
	if b == nil || len(b.keys) == 0 {
		return ID{}, false
	}
	return b.keys[0].id, true
}

// Seal encrypts a secret, for what it belongs to. ErrNoKey if there is no key.
func (b *Box) Seal(of string, secret []byte) ([]byte, error) {
	if _, ok := b.First(); !ok {
		return nil, ErrNoKey
	}
	k := b.keys[0]
	sealed := append([]byte{version}, k.id[:]...)
	return k.aead.Seal(sealed, nil, secret, bound(sealed, of)), nil
}

// Open decrypts what Seal gave, for what it belongs to. ErrNoKey if there is no key at all, *OtherKeyError if
// the one that sealed it is not there, ErrDamaged if it does not open with that.
func (b *Box) Open(of string, sealed []byte) ([]byte, error) {
	id, ok := SealedWith(sealed)
	if !ok {
		return nil, ErrDamaged
	}
	if _, ok := b.First(); !ok {
		return nil, ErrNoKey
	}
	known := false
	for _, k := range b.keys { // two keys may have one id, if hardly ever
		if k.id != id {
			continue
		}
		known = true
		if secret, err := k.aead.Open(nil, nil, sealed[head:], bound(sealed[:head], of)); err == nil {
			return secret, nil
		}
	}
	if !known {
		return nil, &OtherKeyError{id}
	}
	return nil, ErrDamaged
}

// Current reports whether something was sealed with the key that seals now.
func (b *Box) Current(sealed []byte) bool {
	id, ok := SealedWith(sealed)
	first, any := b.First()
	return ok && any && id == first
}

// SealedWith reads which key sealed something; false if nothing of this version did.
func SealedWith(sealed []byte) (ID, bool) {
	if len(sealed) < head || sealed[0] != version {
		return ID{}, false
	}
	return ID(sealed[1:head]), true
}

// bound is what is authenticated beside the secret.
func bound(head []byte, of string) []byte { return append(append([]byte{}, head...), of...) }
