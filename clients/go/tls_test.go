package usher

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/rep"

	"usher.internal/usher/usherv1"
)

// selfSigned is a certificate for the name, and who trusts it.
func selfSigned(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestUnderTLSItTalksToWhomItTrustsAlone(t *testing.T) {
	certificate, trusted := selfSigned(t, "localhost")
	_, others := selfSigned(t, "localhost")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "tls+tcp://" + free.Addr().String()
	_ = free.Close()
	server := &scripted{url: url, answers: []*usherv1.Response{fine}}
	if server.socket, err = rep.NewSocket(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.socket.Close() })
	options := map[string]interface{}{
		mangos.OptionTLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
	}
	await(t, "the port is free", func() bool { return server.socket.ListenOptions(url, options) == nil })
	go server.serve()
	named := strings.Replace(url, "127.0.0.1", "localhost", 1)
	for _, row := range []struct {
		url     string
		config  *tls.Config
		within  time.Duration
		isTaken bool
	}{
		{named, &tls.Config{RootCAs: trusted}, 20 * time.Second, true},
		{named, &tls.Config{RootCAs: others}, time.Second, false},
		{url, &tls.Config{RootCAs: trusted}, time.Second, false}, // the certificate's name is another
	} {
		client, err := New(Config{Servers: []string{row.url}, TLS: row.config})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), row.within)
		_, err = client.Ops().GetHealth(ctx, &usherv1.GetHealthRequest{})
		cancel()
		client.Close()
		var failure *Error
		isRefused := errors.As(err, &failure) && failure.Reason == "NOT_CONNECTED"
		if (err == nil) != row.isTaken || isRefused == row.isTaken {
			t.Fatal(row.url, err)
		}
	}
}
