package installer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// Prompts asks with plain lines: on serial lines, on dumb terminals, and in tests.
type Prompts struct {
	In  io.Reader
	Out io.Writer

	reader  *bufio.Reader
	pending chan line // a read that Ctrl-C left behind; the next question gets what it brings
}

type line struct {
	text string
	err  error
}

// Ask implements Asker.
func (p *Prompts) Ask(ctx context.Context, q Question) (string, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	p.show(q)
	for {
		answer, err := p.answer(ctx, q)
		if err != nil {
			return "", err
		}
		chosen, err := choose(q, answer)
		if err == nil && q.Check != nil {
			err = q.Check(chosen)
		}
		if err == nil {
			return chosen, nil
		}
		fmt.Fprintf(p.Out, "  %v\n", err)
	}
}

func (p *Prompts) show(q Question) {
	fmt.Fprintf(p.Out, "\n%s\n", q.Title)
	if q.Help != "" {
		fmt.Fprintf(p.Out, "  %s\n", q.Help)
	}
	for i, o := range q.Options {
		fmt.Fprintf(p.Out, "  %d) %s\n", i+1, o.Text)
	}
	if q.Kind == Many {
		fmt.Fprintln(p.Out, "  numbers, separated by blanks")
	}
}

func (p *Prompts) answer(ctx context.Context, q Question) (string, error) {
	if q.Default != "" && q.Kind != Secret {
		fmt.Fprintf(p.Out, "[%s]", strings.Join(lines(q.Default), " "))
	}
	fmt.Fprint(p.Out, "> ")
	if q.Kind == Secret {
		defer p.hide()()
	}
	text, err := p.read(ctx)
	if err != nil {
		fmt.Fprintln(p.Out)
		return "", err
	}
	if text == "" {
		return q.Default, nil
	}
	return text, nil
}

// hide switches the terminal's echo off and returns how to switch it on again.
func (p *Prompts) hide() func() {
	f, ok := p.In.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	restore, err := silence(int(f.Fd()))
	if err != nil {
		fmt.Fprintf(p.Out, "(it will be visible: %v) ", err)
		return func() {}
	}
	return func() {
		restore()
		fmt.Fprintln(p.Out)
	}
}

// read returns the next line, or ErrAborted on Ctrl-C and at the end of the input.
func (p *Prompts) read(ctx context.Context) (string, error) {
	if p.reader == nil {
		p.reader = bufio.NewReader(p.In)
	}
	if p.pending == nil {
		p.pending = make(chan line, 1)
		go func(got chan<- line) {
			text, err := p.reader.ReadString('\n')
			got <- line{strings.TrimSpace(text), err}
		}(p.pending)
	}
	select {
	case <-ctx.Done():
		return "", ErrAborted
	case l := <-p.pending:
		p.pending = nil
		if l.err != nil && (l.text == "" || !errors.Is(l.err, io.EOF)) {
			return "", fmt.Errorf("%w: %w", ErrAborted, l.err)
		}
		return l.text, nil
	}
}

// choose turns numbers into the options' values; values themselves are accepted too.
func choose(q Question, answer string) (string, error) {
	if len(q.Options) == 0 {
		return answer, nil
	}
	picked := words(strings.ReplaceAll(answer, "\n", " "))
	if q.Kind == One && len(picked) != 1 {
		return "", errors.New("choose one by its number")
	}
	var values []string
	for _, w := range picked {
		value, err := option(q.Options, w)
		if err != nil {
			return "", err
		}
		values = append(values, value)
	}
	return strings.Join(values, "\n"), nil
}

func option(options []Option, word string) (string, error) {
	if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(options) {
		return options[n-1].Value, nil
	}
	if slices.ContainsFunc(options, func(o Option) bool { return o.Value == word }) {
		return word, nil
	}
	return "", fmt.Errorf("%q is none of them: want 1 to %d", word, len(options))
}
