import WindlassCore

extension PostgresURL {
  /// The servers that are reached by the network, in their order; none where only a UNIX socket is.
  package var networkServers: [(host: String, port: String)] {
    let parts = { (name: String) in
      (keywords.first { $0.name == name }?.value.reveal() ?? "").split(
        separator: ",", omittingEmptySubsequences: false
      ).map(String.init)
    }
    let addresses = parts("hostaddr")
    let (hosts, ports) = (addresses.isEmpty ? parts("host") : addresses, parts("port"))
    return hosts.enumerated().compactMap { index, host in
      guard !host.isEmpty, !host.hasPrefix("/"), !host.hasPrefix("@") else { return nil }
      let port = ports.isEmpty ? "" : ports[min(index, ports.count - 1)]
      return (host, port.isEmpty ? "5432" : port)
    }
  }

  /// Whether the URL names a database that is there for copies alone: by our prefix, and by a name
  /// that needs no quotes.
  package var namesScratchCopy: Bool {
    database.hasPrefix(ScratchServer.prefix) && database.utf8.count <= 63
      && database.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x61...0x7A, 0x5F: true
        default: false
        }
      }
  }
}
