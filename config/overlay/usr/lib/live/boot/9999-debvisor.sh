#!/bin/sh

# The last part that live-boot reads, so that these replace its own.

# Mounting ext4 or xfs writes to the disk, read-only too: the journal is replayed. So the medium is looked for only on file
# systems that have none. An image that lies as a file on another file system is not found.
is_supported_fs ()
{
	case "${1}" in
		iso9660|udf|vfat|exfat)
			grep -qw "${1}" /proc/filesystems || modprobe -q -b "${1}"
			;;
		*)
			return 1
			;;
	esac
}

# live-boot takes what is not nice for the live system itself, unseen, when it is ext4 or btrfs.
is_nice_device ()
{
	return 0
}
