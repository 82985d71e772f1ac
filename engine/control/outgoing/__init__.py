"""The outgoing half of OSC: replies, announcements, feedback to subscribers, and the bounded queue
of packets."""
