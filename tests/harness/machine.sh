#!/bin/sh
# Makes the machine of machine.py and becomes its first process, in a mount namespace of its own:
#
#   unshare -m machine.sh FOLDER MANAGER VERSION
#
# FOLDER/cgroups gets the cgroups, one a line, that are to be removed when it has ended.
# MANAGER: systemd, or none; VERSION: of the cgroups that its programs see: 1, 2, or both.
set -eu
folder=$1

# Processes, cgroups, network and what engines keep are the machine's alone; all else is as outside.
inside() {
  mount -t proc proc /proc
  if [ "$3" = 2 ]; then
    umount -R /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  else
    kinds=cgroup
    [ "$3" != both ] || kinds='cgroup2?'
    hierarchies=$(awk -v kinds="^$kinds\$" '$(NF - 2) ~ kinds {print $(NF - 2), $5, $NF}' /proc/self/mountinfo)
    umount -R /sys/fs/cgroup
    mount -t tmpfs tmpfs /sys/fs/cgroup
    echo "$hierarchies" | while read -r kind where options; do
      mkdir "$where"
      options=${options#rw}
      mount -t "$kind" ${options:+-o "${options#,}"} "$kind" "$where"
    done
  fi
  for kept in /var/lib/containers /var/lib/docker /var/lib/containerd /var/lib/cni /etc/docker; do
    [ -d $kept ] || continue
    mkdir -p "$1/kept$kept"
    mount --bind "$1/kept$kept" $kept
  done
  for file in passwd group subuid subgid; do
    cat "/etc/$file" "$1/$file" >"$1/all-$file"
    mount --bind "$1/all-$file" "/etc/$file"
  done
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir /run/lock /run/user
  ip link set lo up
  touch "$1/ready"
  [ "$2" = systemd ] || exec sleep infinity
  mkdir -p /run/systemd/system
  container=signet-test SYSTEMD_UNIT_PATH=$1/units exec /lib/systemd/systemd --system --log-target=console --show-status=0
}

if [ $# = 4 ]; then inside "$@"; fi

mount --make-rprivate /
awk '$(NF - 2) ~ /^cgroup2?$/ {print $5}' /proc/self/mountinfo | while read -r root; do
  made=$root/signet-test-$$
  mkdir "$made"
  echo "$made" >>"$folder/cgroups"
  if [ -e "$made/cpuset.mems" ] && [ ! -s "$made/cpuset.mems" ] || [ -e "$made/cgroup.clone_children" ]; then
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$made/$file" ] || cat "$root/$file" >"$made/$file"
    done
    echo 1 >"$made/cgroup.clone_children"
  fi
  echo $$ >"$made/cgroup.procs"
done
exec unshare -C -p -n -m --kill-child "$0" "$@" inside
