package wire

import (
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// Start runs a function: it reads the settings, makes the hub, asks for the
// handler and hands it to Lambda. What is wrong is said once, whole, and the
// function does not start.
func Start(handler func(*Hub) (any, error)) {
	h, err := prepare(handler)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(h)
}

func prepare(handler func(*Hub) (any, error)) (any, error) {
	s, err := Load(os.Getenv)
	if err != nil {
		return nil, err
	}
	hub, err := New(s, os.Getenv, os.Stderr)
	if err != nil {
		return nil, err
	}
	return handler(hub)
}
