package archive

// OrRefuse returns what becomes of an error of making a file.
func OrRefuse(err error) error { return new(extraction).orRefuse("x", err) }
