// Command once runs ./function on one event and no more. MiniStack's Lambda
// runtime gives the same event again to a function that asks for the next one,
// until it has ended its process, and may take the second answer for the first:
// so the function asks here, gets its event, and waits.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
)

const variable = "AWS_LAMBDA_RUNTIME_API"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var given atomic.Bool
	runtime := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: os.Getenv(variable)})
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/invocation/next") && given.Swap(true) {
			<-r.Context().Done()
			return
		}
		runtime.ServeHTTP(w, r)
	}))
	cmd := exec.Command("./function")
	cmd.Env = append(os.Environ(), variable+"="+l.Addr().String())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, os.Interrupt)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		<-end
		cmd.Process.Kill()
	}()
	err = cmd.Wait()
	var killed *exec.ExitError
	if errors.As(err, &killed) && killed.ExitCode() < 0 {
		return nil
	}
	return err
}
