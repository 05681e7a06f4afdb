// Command vault is a Vault server with storage in memory, initialised and
// unsealed when it starts: the real backend that the tests of the providers
// run against. It prints one line of JSON with the root token and the unseal
// key, then serves until it is killed.
package main

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"sort"
	"time"

	"github.com/hashicorp/go-hclog"
	jwtauth "github.com/hashicorp/vault-plugin-auth-jwt"
	kubeauth "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	awsauth "github.com/hashicorp/vault/builtin/credential/aws"
	"github.com/hashicorp/vault/builtin/credential/cert"
	"github.com/hashicorp/vault/builtin/credential/ldap"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

var engines = map[string]logical.Factory{"kv": kv.Factory}

var methods = map[string]logical.Factory{
	"approle":    approle.Factory,
	"aws":        awsauth.Factory,
	"cert":       cert.Factory,
	"jwt":        jwtauth.Factory,
	"kubernetes": kubeauth.Factory,
	"ldap":       ldap.Factory,
	"userpass":   userpass.Factory,
}

// registry answers for the plugins that are compiled in.
type registry struct{}

func (registry) table(kind consts.PluginType) map[string]logical.Factory {
	switch kind {
	case consts.PluginTypeCredential:
		return methods
	case consts.PluginTypeSecrets:
		return engines
	}
	return nil
}

func (r registry) Contains(name string, kind consts.PluginType) bool {
	_, found := r.table(kind)[name]
	return found
}

func (r registry) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory, found := r.table(kind)[name]
	return func() (interface{}, error) { return factory, nil }, found
}

func (r registry) Keys(kind consts.PluginType) []string {
	names := []string{}
	for name := range r.table(kind) {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (r registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, r.Contains(name, kind)
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

type options struct {
	address, tlsAddress, certificate, key string
}

func main() {
	var given options
	flag.StringVar(&given.address, "address", "127.0.0.1:8200", "where plain HTTP is served")
	flag.StringVar(&given.tlsAddress, "tls-address", "", "where HTTPS is served, if anywhere")
	flag.StringVar(&given.certificate, "tls-cert", "", "PEM file of the HTTPS certificate")
	flag.StringVar(&given.key, "tls-key", "", "PEM file of its key")
	flag.Parse()
	if err := run(given); err != nil {
		log.Fatal(err)
	}
}

func run(given options) error {
	logger := hclog.New(&hclog.LoggerOptions{Name: "vault", Level: hclog.Warn, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		StorageType:        "inmem",
		LogicalBackends:    engines,
		CredentialBackends: methods,
		BuiltinRegistry:    registry{},
		DisableMlock:       true,
		Logger:             logger,
		DefaultLeaseTTL:    time.Hour,
		MaxLeaseTTL:        24 * time.Hour,
		RedirectAddr:       "http://" + given.address,
	})
	if err != nil {
		return err
	}
	token, key, err := unseal(core)
	if err != nil {
		return err
	}
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core:           core,
		ListenerConfig: &configutil.Listener{Address: given.address},
	})
	failed := make(chan error, 2)
	go func() { failed <- http.ListenAndServe(given.address, handler) }()
	if given.tlsAddress != "" {
		server := &http.Server{
			Addr:      given.tlsAddress,
			Handler:   handler,
			TLSConfig: &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12},
		}
		go func() { failed <- server.ListenAndServeTLS(given.certificate, given.key) }()
	}
	line, err := json.Marshal(map[string]string{"root_token": token, "unseal_key": key})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return <-failed
}

// unseal initialises the server with one key share and opens it.
func unseal(core *vault.Core) (token, key string, err error) {
	ctx := context.Background()
	one := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}
	result, err := core.Initialize(ctx, &vault.InitParams{BarrierConfig: one})
	if err != nil {
		return "", "", err
	}
	opened, err := core.Unseal(result.SecretShares[0])
	if err != nil {
		return "", "", err
	}
	if !opened {
		return "", "", errors.New("still sealed")
	}
	return result.RootToken, hex.EncodeToString(result.SecretShares[0]), nil
}
