package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

const (
	saltBytes  = 16
	pointBytes = 65                                      // an uncompressed point of P-256
	recordSize = 4096                                    // all that a push service has to take, RFC 8030 §7.2
	overhead   = saltBytes + 4 + 1 + pointBytes + 1 + 16 // header, delimiter, tag
	maxPayload = recordSize - overhead
)

// encrypt makes the one aes128gcm record (RFC 8188) that carries payload to whoever holds the
// subscription's private key (RFC 8291).
func encrypt(s Subscription, payload []byte) ([]byte, error) {
	sender, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails, crypto/rand says
	return seal(s, sender, salt, payload)
}

func seal(s Subscription, sender *ecdh.PrivateKey, salt, payload []byte) ([]byte, error) {
	if len(payload) > maxPayload {
		return nil, fmt.Errorf("a payload of %d bytes, more than %d", len(payload), maxPayload)
	}
	key, nonce, err := secrets(sender, s.key, s.key.Bytes(), sender.PublicKey().Bytes(), s.auth, salt)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	record := append([]byte{}, salt...)
	record = binary.BigEndian.AppendUint32(record, recordSize)
	record = append(record, pointBytes)
	record = append(record, sender.PublicKey().Bytes()...)
	const lastRecord = 2 // the delimiter; no padding
	return gcm.Seal(record, nonce, append(append([]byte{}, payload...), lastRecord), nil), nil
}

// secrets are the content's key and nonce, RFC 8291 §3.4.
func secrets(own *ecdh.PrivateKey, peer *ecdh.PublicKey, receiver, sender, auth, salt []byte) (key, nonce []byte, err error) {
	shared, err := own.ECDH(peer)
	if err != nil {
		return nil, nil, err
	}
	info := "WebPush: info\x00" + string(receiver) + string(sender)
	material, err := hkdf.Key(sha256.New, shared, auth, info, 32)
	if err != nil {
		return nil, nil, err
	}
	if key, err = hkdf.Key(sha256.New, material, salt, "Content-Encoding: aes128gcm\x00", 16); err != nil {
		return nil, nil, err
	}
	nonce, err = hkdf.Key(sha256.New, material, salt, "Content-Encoding: nonce\x00", 12)
	return key, nonce, err
}
