use super::workspace::GuestWorkspace;

/// Removes what binds the tree to the hardware it came from and would keep it from booting or from its network.
pub(super) fn forget_hardware(workspace: &mut GuestWorkspace<'_>) {
    // The generator stays and writes a new one.
    let reason =
        "it gives the old network cards' names to their addresses, which the new machine does not have";
    workspace.remove(b"/etc/udev/rules.d/70-persistent-net.rules", reason);
}
