package poll

import (
	"context"
	"io"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/site"
)

// Content moves attachments through the hub: ours are put into a local folder first, because the hub wants their
// SHA-256 before it takes them; theirs are verified in the folder before Jira sees a byte.
type Content struct {
	Folder blob.Store
	Client func(connection string) (*exchange.Client, error)
}

var _ site.Content = Content{}

// Known implements site.Content. What left the folder was uploaded, and is not remembered here.
func (c Content) Known(context.Context, string, string, int64) string { return "" }

// Offer implements site.Content.
func (c Content) Offer(ctx context.Context, connection, attachment string, size int64, r io.Reader) (string, error) {
	client, err := c.Client(connection)
	if err != nil {
		return "", err
	}
	key := exchange.BlobKey(connection, bridge.Private, attachment)
	info, err := c.Folder.Put(ctx, key, r, size, "")
	if err != nil {
		return "", err
	}
	err = client.Upload(ctx, exchange.Content{ID: attachment, Size: size, SHA256: info.SHA256}, func() (io.ReadCloser, error) {
		r, _, err := c.Folder.Get(ctx, key)
		return r, err
	})
	if err != nil {
		return "", err
	}
	return info.SHA256, c.Folder.Delete(ctx, key)
}

// Fetch implements site.Content.
func (c Content) Fetch(ctx context.Context, connection string, m bridge.Member) (io.ReadCloser, error) {
	client, err := c.Client(connection)
	if err != nil {
		return nil, err
	}
	key := exchange.BlobKey(connection, bridge.Public, m.ID)
	pr, pw := io.Pipe()
	go func() {
		pw.CloseWithError(client.Download(ctx, exchange.Content{ID: m.ID, Size: m.Size, SHA256: m.SHA256}, pw))
	}()
	_, err = c.Folder.Put(ctx, key, pr, m.Size, m.SHA256)
	pr.CloseWithError(err)
	if err != nil {
		return nil, err
	}
	r, _, err := c.Folder.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return &deleting{r, func() error { return c.Folder.Delete(context.WithoutCancel(ctx), key) }}, nil
}

// deleting removes what was read once it is closed.
type deleting struct {
	io.ReadCloser
	delete func() error
}

func (d *deleting) Close() error {
	err := d.ReadCloser.Close()
	if e := d.delete(); err == nil {
		err = e
	}
	return err
}
